# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# prepare.sh: sourced by regress/demo and regress/run.  Goes to the top of the
# tree, and has what both do first: install what is missing, and build.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
export LC_ALL=C
export HOME="${HOME:-$(getent passwd "$(id -u)" | cut -d : -f 6)}"
# Debian's ordinary users do not have these, and some tools are there.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# We are not a part of the make that runs us.
unset MAKEFLAGS MFLAGS MAKELEVEL
make=${MAKE:-make}
logs=obj/log
tail_lines=30
me=${0##*/}

note()
{
	echo "$me: $*"
}

fail()
{
	echo "$me: $*" >&2
	exit 1
}

# attempt NAME COMMAND...: run it with its output in a log file, the end of
# which is shown when it fails.
attempt()
{
	local log=$logs/$1

	shift
	if "$@" >"$log" 2>&1 </dev/null; then
		return 0
	fi
	tail -n "$tail_lines" "$log" | sed 's/^/| /' >&2
	echo "$me: all of it is in $log" >&2
	return 1
}

# Print which kernels the lab can have here: 6.1, 6.12 or both, a line each.
kernel_versions()
{
	regress/lab/kernel -l | sed 's/^\([0-9]*\.[0-9]*\).*/\1/'
}

# regress/lab/run, which does not outlive us.
lab()
{
	setpriv --pdeathsig TERM regress/lab/run "$@"
}

# Build what runs in a host with the kernels of these releases.
build()
{
	attempt build "$make" -j"$(nproc)" vmd vmctl modules KERNELS="$*" ||
	    fail "the build failed"
}

# Make obj/guest with Debian's kernel of this version.
guest()
{
	attempt guest regress/guest/make "$1" || fail "making the guest failed"
}

mkdir -p "$logs" || exit 1
regress/setup || fail "cannot install what is missing"
