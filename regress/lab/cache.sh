# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# cache.sh: sourced by the lab's scripts.  The cache holds what was downloaded
# or built for the lab and outlives the tree; an entry is whole or not there.

set -u
export LC_ALL=C
umask 022

lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=${lab%/regress/lab}
cache=${VMM_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/vmm-lab}
cache_making=

note()
{
	echo "lab: $*" >&2
}

# Exit status 125 is the lab's own failure, not the command's.
fail()
{
	note "$*"
	exit 125
}

cache_cleanup()
{
	[ -z "$cache_making" ] || rm -rf "$cache_making"
}

# cache_get NAME MAKER ARGUMENT...
# Make sure that the entry NAME exists, a file or directory at $cache/NAME.
# When it is not there, MAKER is called with the path of an empty temporary
# directory and the arguments, and has to leave the entry in it as "entry".
cache_get()
{
	local name=$1 maker=$2
	shift 2

	[ ! -e "$cache/$name" ] || return 0
	mkdir -p "$cache" || fail "cannot create $cache"
	(
		flock 8 || fail "cannot lock $cache"
		[ ! -e "$cache/$name" ] || exit 0
		cache_making=$(mktemp -d "$cache/making.XXXXXX") ||
		    fail "cannot write to $cache"
		trap cache_cleanup EXIT
		trap 'exit 125' INT TERM HUP
		"$maker" "$cache_making" "$@" 8>&- || exit 125
		mv -T "$cache_making/entry" "$cache/$name"
	) 8>"$cache/lock" || exit 125
}
