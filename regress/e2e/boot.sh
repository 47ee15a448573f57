#!/bin/sh
# SPDX-License-Identifier: ISC
#
# boot.sh: one boot of Debian's kernel, from vmctl start -c to its shell and
# to an orderly end.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

shell_limit=3000	# hundredths of a second

quick()
{
	echo "$1 hundredths of a second"
	[ "$1" -lt $shell_limit ]
}

# Bochs counts instructions as time, which then is nobody's.
clock_is_real()
{
	grep -q QEMU /proc/cpuinfo
}

status_is_a_table()
{
	vmctl status boot
	vmctl status boot | head -n 1 | grep -q \
	    '^ *ID *PID *VCPUS *MAXMEM *CURMEM *TTY *OWNER *STATE *NAME$' &&
	    vmctl status boot | tail -n 1 | grep -q \
	    '^ *[0-9]* *[0-9]* *1 *256M *[0-9]*M *pts/[0-9]* *root *running boot$'
}

in_image()
{
	grep -q "$1" "$work/disk.img"
}

cp "$guest/disk.img" "$work/"
check 'vmd starts' vmd_up </dev/null
start=$(now)
console_open "$work" linux boot -d "$work/disk.img" >/dev/null
check 'start -c reaches a shell' shell_ready
took=$(($(now) - start))
echo "a shell after $took hundredths of a second"
if clock_is_real; then
	check 'start -c reaches a shell within 30 seconds' quick $took
fi
check 'a command typed on the console gives its output' \
    types 'uname -a' '^Linux guest .*GNU/Linux'
check 'the guest has the memory it was given' \
    types 'free -m' '^Mem: *2[0-9][0-9] '
check 'the guest has an entropy device with data' \
    types 'dd if=/dev/hwrng bs=64 count=1 | wc -c' '^64$'
check 'the guest has its disk' types 'cat /sys/block/vda/size' '^32768$'
check 'status is a table with the VM running' status_is_a_table
check 'a second start of a running VM is refused' \
    refused 'vm "boot": it is running already' vmctl start boot
# shellcheck disable=SC2016 # for the guest's shell
check 'the guest writes to its disk' \
    types 'echo mark-$((6 * 7))-on-the-disk >/root/mark; sync; echo done' \
    '^done$'
check 'stop -w ends the guest in order' timeout 60 vmctl stop -w boot
check 'the console ends with the VM' console_wait
check 'a VM that has ended is gone' unknown boot
check 'no process of it is left' none_of vm
check 'written data is in the image' in_image mark-42-on-the-disk
check 'vmd ends with status 0' vmd_down
check 'no process of vmd is left' none_left
finish
