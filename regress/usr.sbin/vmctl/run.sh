#!/bin/sh
# SPDX-License-Identifier: ISC
#
# run.sh: vmctl(8) from a shell, where no vmd is needed.
# Usage: run.sh   (VMCTL names the program, else obj/vmctl is taken)

set -u
here=$(cd "$(dirname "$0")" && pwd)
: "${VMCTL:=$here/../../../obj/vmctl}"
passed=0
failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1

if [ ! -x "$VMCTL" ]; then
	echo "run.sh: $VMCTL is not there; run make vmctl first" >&2
	exit 1
fi

# check name status text command...: the exit status, and a line of output
# that begins with the text.
check()
{
	name=$1 want=$2 text=$3
	shift 3
	"$@" >out 2>&1
	status=$?
	if [ "$status" -eq "$want" ] && grep -q "^$text" out; then
		passed=$((passed + 1))
		return
	fi
	failed=$((failed + 1))
	echo "$name: exit status $status, expected $want and \"$text\""
	cat out
}

promise()
{
	name=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "$name: not so: $*"
	fi
}

check create 0 "vmctl: raw imagefile created" \
    "$VMCTL" create -s 64M disk.img
promise "the size is as asked" [ "$(stat -c %s disk.img)" = 67108864 ]
promise "the image is a hole" [ "$(stat -c %b disk.img)" = 0 ]
promise "the image is private" [ "$(stat -c %a disk.img)" = 600 ]
check "create with a prefix" 0 "vmctl: raw imagefile created" \
    "$VMCTL" create -s 1M raw:b.img
promise "a prefix is no part of the name" [ -f b.img ]
check "create rounds" 0 "vmctl: disk size rounded to 1M" \
    "$VMCTL" create -s 2047K c.img
promise "rounded down" [ "$(stat -c %s c.img)" = 1048576 ]

echo keep >disk.img
check "create overwrites nothing" 1 "vmctl: disk.img exists" \
    "$VMCTL" create -s 64M disk.img
promise "an existing file is left alone" [ "$(cat disk.img)" = keep ]
ln -s target link.img
check "create follows no link" 1 "vmctl: link.img exists" \
    "$VMCTL" create -s 1M link.img
promise "nothing behind a link" [ ! -e target ]
check "create without a size" 1 "usage:" "$VMCTL" create d.img
check "create too small" 1 "vmctl: disk size must be at least one megabyte" \
    "$VMCTL" create -s 1023K d.img
check "create with no number" 1 'vmctl: disk size "big" is not a size' \
    "$VMCTL" create -s big d.img
check "create in no directory" 1 "vmctl: create no/d.img: No such file" \
    "$VMCTL" create -s 1M no/d.img
check "create qcow2" 1 "vmctl: d.qcow2: qcow2 images are not supported" \
    "$VMCTL" create -s 1M d.qcow2
promise "nothing is left of a failure" [ ! -e d.img ]

check "no command" 1 "usage:" "$VMCTL"
check "an unknown command" 1 'vmctl: unknown command "frob"' "$VMCTL" frob
check "an ambiguous command" 1 'vmctl: "st" may mean start status stop' \
    "$VMCTL" st
check "an unknown option" 1 "usage:	vmctl start" "$VMCTL" start -z x
check "too many disks" 1 "vmctl: too many disks: at most 4" \
    "$VMCTL" start -d b.img -d b.img -d b.img -d b.img -d b.img x
check "too long a name" 1 "vmctl: vm name .* is too long" \
    "$VMCTL" start "$(printf '%064d' 0 | tr 0 n)"

if ! "$VMCTL" status >out 2>&1; then
	check "no daemon" 1 "vmctl: vmd is not running" "$VMCTL" status
	skipped=0
else
	echo "skipped: no daemon (vmd is running)"
	skipped=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
