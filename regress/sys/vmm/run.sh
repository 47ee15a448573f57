#!/bin/sh
# SPDX-License-Identifier: ISC
#
# run.sh [DIR [PATTERN...]]
# Run all regress programs of vmm(4) in DIR, or where this script is, each
# with PATTERN..., and sum up. Exits with 1 if a test failed. A program that
# ends without its sums counts as a failed test.

dir=${1:-$(dirname "$0")}
[ $# -eq 0 ] || shift
passed=0
failed=0
skipped=0
output=$(mktemp) || exit 1
trap 'rm -f "$output"' EXIT

# Add the sums in $1, "N passed, N failed, N skipped"; false if it is not that.
sums_add()
{
	# shellcheck disable=SC2086
	set -- $1
	case "$2 $4 $6" in
	"passed, failed, skipped")
		passed=$((passed + $1))
		failed=$((failed + $3))
		skipped=$((skipped + $5));;
	*)	return 1;;
	esac
}

for program in "$dir"/vmm_*; do
	case $program in
	*.d|*.o)	continue;;
	esac
	[ -x "$program" ] || continue
	if [ $# -gt 0 ] && [ -z "$("$program" -l "$@")" ]; then
		continue
	fi
	echo "${program##*/}"
	"$program" "$@" 2>&1 | tee "$output"
	if ! sums_add "$(tail -n 1 "$output")"; then
		echo "FAIL ${program##*/}: ended without its sums"
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
