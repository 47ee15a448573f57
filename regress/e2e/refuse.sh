#!/bin/sh
# SPDX-License-Identifier: ISC
#
# refuse.sh: wrong input gets one line and exit status 1, and nothing is left
# behind.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

descriptors()
{
	for pid in $(pids '(parent|control|vmm)'); do
		ls "/proc/$pid/fd"
	done | wc -l
}

nothing_left()
{
	vmctl status
	[ "$(vmctl status | wc -l)" -le 1 ] && [ -z "$(pids vm)" ] &&
	    within 2 no_vm && back "$before" &&
	    [ "$(descriptors)" -eq "$open" ]
}

# wrong NAME WORDS COMMAND...
wrong()
{
	wrong_name=$1
	shift
	check "$wrong_name: one line, exit status 1" refused "$@"
	check "$wrong_name: nothing is left" nothing_left
}

mkdir "$work/directory"
: >"$work/empty"
echo 'not a kernel, not a disk' >"$work/text"
head -c 100000 "$guest/vmlinuz" >"$work/cut"
dd if=/dev/zero of="$work/disk" bs=1024 count=1024 2>/dev/null
vmctl status >"$work/out" 2>&1
check 'no vmd: one line that says so' \
    refused 'vmd is not running' vmctl status
vmd_up </dev/null || exit 1
before=$(shmem)
open=$(descriptors)
sleep="$tiny/sleep"
for what in 'stop' 'stop -f' 'stop -w' status console wait start; do
	# shellcheck disable=SC2086 # a command may have options
	wrong "$what of an unknown VM" nobody vmctl $what nobody
done
wrong 'a missing kernel' 'vm "vm": cannot open kernel .*nowhere' vmctl start -b "$work/nowhere" vm
wrong 'a directory as kernel' 'vm' vmctl start -b "$work/directory" vm
wrong 'an empty kernel' 'vm' vmctl start -b "$work/empty" vm
wrong 'a text as kernel' 'vm' vmctl start -b "$work/text" vm
wrong 'a kernel cut short' 'vm' vmctl start -b "$work/cut" vm
wrong 'a missing initrd' 'initrd.*nowhere' \
    vmctl start -b "$sleep" -I "$work/nowhere" vm
wrong 'a missing disk' 'vm "vm": cannot open disk .*nowhere' \
    vmctl start -b "$sleep" -d "$work/nowhere" vm
wrong 'a directory as disk' 'disk' \
    vmctl start -b "$sleep" -d "$work/directory" vm
wrong 'an empty disk' 'disk' vmctl start -b "$sleep" -d "$work/empty" vm
wrong 'a disk twice' 'disk.*in use' \
    vmctl start -b "$sleep" -d "$work/disk" -d "$work/disk" vm
for size in 0 1K -1 1025T 999999999999999999999G big 12Q ''; do
	wrong "memory \"$size\"" '' vmctl start -m "$size" -b "$sleep" vm
done
for name in '' 7up a/b 'a b' .hidden "$(printf '%064d' 0 | tr 0 n)"; do
	wrong "the name \"$name\"" '' vmctl start -b "$sleep" "$name"
done
check 'vmd ends with status 0' vmd_down
finish
