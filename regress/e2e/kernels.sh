#!/bin/sh
# SPDX-License-Identifier: ISC
#
# kernels.sh: the forms that a kernel may have.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# elf NAME FILE: Debian's kernel as ELF, with initrd, arguments and disk.
elf()
{
	vmctl start -c -m 256M -b "$2" -I "$guest/initrd.gz" \
	    -a "console=ttyS0 quiet mark=$1" -d "$work/disk.img" "$1"
}

cp "$guest/disk.img" "$work/"
vmd_up </dev/null || exit 1
for kernel in vmlinux vmlinux.gz vmlinuz.gz; do
	name=$(echo $kernel | tr . -)
	console_open "$work" elf "$name" "$guest/$kernel" >/dev/null
	check "$kernel boots to a shell" shell_ready
	check "$kernel gets its arguments" \
	    types 'cat /proc/cmdline' "mark=$name"
	check "$kernel runs programs" types 'uname -s' '^Linux$'
	check "$kernel shuts down" timeout 60 vmctl stop -w "$name"
	console_close
done
check 'vmd ends with status 0' vmd_down
finish
