#!/bin/sh
# SPDX-License-Identifier: ISC
#
# restart.sh: how a guest ends itself or starts again, and what it finds then.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# The VM runs in another process than before.
restarted()
{
	running again && [ "$(process_of again)" != "$process" ]
}

cp "$guest/disk.img" "$work/"
vmd_up </dev/null || exit 1
before=$(shmem)
console_open "$work" linux again -d "$work/disk.img" >/dev/null
check 'a guest boots' shell_ready
process=$(process_of again)
check 'the guest writes to its disk' \
    types 'echo first >/root/mark && sync && echo done' '^done$'
console_type 'reboot -f'
check 'reboot in the guest restarts the VM, under its name' within 20 restarted
console_close
console_open "$work" vmctl console again >/dev/null
check 'reboot in the guest boots it again' \
    console_expect '^This is the guest' 60
check 'its shell is on its console' shell_ready
check 'a VM that restarted keeps its disk' types 'cat /root/mark' '^first$'
console_type 'sync; poweroff -f'
check 'poweroff in the guest ends the VM' within 20 unknown again
check 'the console ends with it' console_wait
check 'no process is left of it' none_of vm
check 'the driver has no VM left' within 2 no_vm
console_open "$work" linux again -d "$work/disk.img" >/dev/null
check 'the VM can be started again' shell_ready
check 'what was written in one start is there in the next' \
    types 'cat /root/mark' '^first$'
start=$(now)
check 'stop -f ends the VM' vmctl stop -f again
check 'stop -f ends it within a second' \
    within 1 sh -c '! vmctl status | grep -q " again$"'
echo "stop -f took $(($(now) - start)) hundredths of a second"
check 'no process is left of it then' within 2 none_of vm
check 'no VM is left of it then' within 2 no_vm
rm -f "$work/disk.img"
check 'no memory is left of it then' within 2 back "$before"
check 'vmd ends with status 0' vmd_down
finish
