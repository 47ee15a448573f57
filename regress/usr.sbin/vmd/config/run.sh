#!/bin/sh
# SPDX-License-Identifier: ISC
#
# run.sh: what "vmd -n" says of each vm.conf(5) in pass/ and fail/.
# Usage: run.sh [file...]   (VMD names the program, else obj/vmd is taken)
#
# A file carries what is expected, in full and in this order:
#	#= 3: text	means the output "<file>:3: text"
#	#= text		means just that
#	#- options	are further options of vmd
# Files in pass/ end with "configuration OK" and exit status 0, files in
# fail/ with exit status 1.

set -u
here=$(cd "$(dirname "$0")" && pwd)
: "${VMD:=$here/../../../../obj/vmd}"
passed=0
failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if [ ! -x "$VMD" ]; then
	echo "run.sh: $VMD is not there; run make vmd first" >&2
	exit 1
fi

# A checkout may be writable for its group; vmd refuses such files.
cp -r "$here/pass" "$here/fail" "$tmp"
chmod -R go-w "$tmp"

# What vmd should print for the file $1 of the kind $2.
expected()
{
	sed -n -e "s|^#= \([0-9]*\): |$(basename "$1"):\1: |p" \
	    -e t -e 's|^#= ||p' "$1"
	[ "$2" = fail ] || echo "configuration OK"
}

check()
{
	file=$1
	kind=$(basename "$(dirname "$file")")
	want=0
	[ "$kind" = pass ] || want=1
	options=$(sed -n 's/^#- //p' "$file")

	# shellcheck disable=SC2086 # options are several words
	(cd "$(dirname "$file")" &&
	    "$VMD" -n $options -f "$(basename "$file")") >"$tmp/out" 2>&1
	status=$?
	sed 's/^vmd: //' "$tmp/out" >"$tmp/got"
	expected "$file" "$kind" >"$tmp/want"
	if [ "$status" -eq "$want" ] && cmp -s "$tmp/want" "$tmp/got"; then
		passed=$((passed + 1))
		return
	fi
	failed=$((failed + 1))
	echo "$kind/$(basename "$file"): exit status $status, expected $want"
	diff -u "$tmp/want" "$tmp/got"
}

# Files that cannot be as they should be in a checkout.
check_mode()
{
	cp "$tmp/pass/memory-just-enough.conf" "$tmp/fail/writable.conf"
	chmod g+w "$tmp/fail/writable.conf"
	if (cd "$tmp/fail" && "$VMD" -n -f writable.conf) 2>&1 |
	    grep -q '^vmd: writable.conf: writable for group or others'; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "writable.conf: a file that others can write was taken"
	fi
	rm -f "$tmp/fail/writable.conf"
}

if [ $# -eq 0 ]; then
	check_mode
	set -- "$tmp"/pass/*.conf "$tmp"/fail/*.conf
fi
for conf; do
	check "$conf"
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
