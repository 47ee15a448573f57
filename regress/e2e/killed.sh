#!/bin/sh
# SPDX-License-Identifier: ISC
#
# killed.sh: SIGKILL to a process of vmd(8) leaves nothing behind.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

cp "$guest/disk.img" "$work/"
vmd_up </dev/null || exit 1
check 'a VM runs beside' waiting witness
before=$(shmem)
console_open "$work" linux victim -d "$work/disk.img" >/dev/null
check 'a guest boots' shell_ready
check 'its memory is the host'\''s' not back $((before + 16384))
process=$(process_of victim)
kill -9 "$process"
check 'a VM whose process was killed is gone' within 2 unknown victim
check 'its process is gone' [ ! -e "/proc/$process" ]
check 'its console has ended' console_wait
check 'vmd says so' logged 'vm "victim": .*killed'
check 'the other VM runs' running witness
check 'the driver has that VM only' within 2 vms_are 1
rm -f "$work/disk.img"
check 'its memory is the host'\''s again' within 2 back "$before"
cp "$guest/disk.img" "$work/"
console_open "$work" linux victim -d "$work/disk.img" >/dev/null
check 'a VM of that name can be started again' shell_ready
kill -9 "$vmd_pid"
check 'no process outlives the parent by 2 seconds' within 2 none_left
check 'no VM does' within 2 no_vm
check 'the console has ended' console_wait
rm -f "$work/disk.img"
check 'no memory is held' within 2 back "$before"
check 'vmd starts again' vmd_up </dev/null
check 'no VM is there then' [ "$(vmctl status | wc -l)" -le 1 ]
check 'vmd ends with status 0' vmd_down
finish
