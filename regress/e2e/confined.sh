#!/bin/sh
# SPDX-License-Identifier: ISC
#
# confined.sh: what the processes of a running VM may do, and what they hold.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# The four ids of kind $2, Uid or Gid, in a status file, are all $3.
ids_are()
{
	sed -n "s/^$2:[[:space:]]*//p" "$1"
	[ "$(sed -n "s/^$2:[[:space:]]*//p" "$1" | tr '\t' ' ')" = \
	    "$3 $3 $3 $3" ]
}

# Each thread's status has the line $2: all_have PID LINE-PATTERN
all_have()
{
	for status in "/proc/$1/task"/*/status; do
		grep -q "$2" "$status" || {
			grep "${2%%:*}" "$status"
			return 1
		}
	done
}

user_only()
{
	for status in "/proc/$1/task"/*/status; do
		ids_are "$status" Uid "$uid" && ids_are "$status" Gid "$gid" ||
		    return 1
	done
	all_have "$1" '^Groups:[[:space:]]*$'
}

no_capability()
{
	for set in Inh Prm Eff Bnd Amb; do
		all_have "$1" "^Cap$set:[[:space:]]*0000000000000000\$" ||
		    return 1
	done
}

empty_root()
{
	ls -la "/proc/$1/root/"
	[ -z "$(ls -A "/proc/$1/root/")" ] &&
	    [ "$(stat -L -c %u:%a "/proc/$1/root")" = 0:755 ] &&
	    [ "$(readlink "/proc/$1/cwd")" = "$(readlink "/proc/$1/root")" ]
}

# What the descriptors of a process are, without numbers, one each.
descriptors()
{
	for fd in "/proc/$1/fd"/*; do
		readlink "$fd"
	done | sed 's/:\[[0-9]*\]$//; s# (deleted)$##; s#^/dev/pts/.*#/dev/pts#'
}

# holds PID WHAT...: each descriptor is one of these.
holds()
{
	descriptors "$1" | sort | uniq -c >"$work/held"
	cat "$work/held"
	shift
	for what; do
		awk -v what="$what" '{
			name = $0
			sub(/^ *[0-9]+ /, "", name)
			if (name != what)
				print
		}' "$work/held" >"$work/rest"
		mv "$work/rest" "$work/held"
	done
	echo "not needed:"
	cat "$work/held"
	[ ! -s "$work/held" ]
}

# count PID WHAT NUMBER
count()
{
	descriptors "$1" | sort
	[ "$(descriptors "$1" | grep -c -x -F "$2")" -eq "$3" ]
}

# The pipes of a process have both their ends in it.
own_pipes()
{
	for fd in "/proc/$1/fd"/*; do
		readlink "$fd"
	done | grep '^pipe:' | sort | uniq -c >"$work/pipes"
	cat "$work/pipes"
	[ "$(grep -v -c '^ *2 ' "$work/pipes")" -eq 0 ]
}

uid=$(id -u _vmd)
gid=$(id -g _vmd)
cp "$guest/disk.img" "$work/"
vmd_up </dev/null || exit 1
console_open "$work" linux boxed -d "$work/disk.img" >/dev/null
check 'a guest boots' shell_ready
check 'its disk is in use' types 'sync; echo done' '^done$'

check 'there is one process of each role' [ "$(pids \
    '(parent|control|vmm|vm)' | wc -l)" -eq 4 ]
check 'the parent alone is root' \
    ids_are "/proc/$(pids parent)/status" Uid 0
for role in control vmm vm; do
	pid=$(pids $role)
	check "$role: user and group _vmd, no other" user_only "$pid"
	check "$role: no capability in any set" no_capability "$pid"
	check "$role: no new privileges" \
	    all_have "$pid" '^NoNewPrivs:[[:space:]]*1$'
	check "$role: a filter of system calls" \
	    all_have "$pid" '^Seccomp:[[:space:]]*2$'
	check "$role: the root directory is empty and not writable" \
	    empty_root "$pid"
	check "$role: no pipe to anybody" own_pipes "$pid"
done

# The standard descriptors are /dev/null and the log. An event loop is an
# eventpoll, and a pipe or signalfd for signals. All else comes with its reason.
# control: channels to parent and vmm, the socket for vmctl and its clients.
check 'control: descriptors' holds "$(pids control)" \
    /dev/null "$log" socket 'anon_inode:[eventpoll]' pipe
# vmm: channels to parent, control and each vm; vmd's own program, which a vm
# process is executed from.
check 'vmm: descriptors' holds "$(pids vmm)" \
    /dev/null "$log" socket 'anon_inode:[eventpoll]' pipe \
    "$(readlink -f "$(command -v vmd)")"
# vm: the channel to vmm, the driver, guest memory, its console's two ends,
# its disk, timers and wake-ups.
check 'vm: descriptors' holds "$(pids vm)" \
    /dev/null "$log" socket 'anon_inode:[eventpoll]' pipe \
    'anon_inode:[signalfd]' 'anon_inode:[eventfd]' 'anon_inode:[timerfd]' \
    /dev/vmm /memfd:vm/boxed /dev/ptmx /dev/pts "$work/disk.img"
check 'vm: one disk, opened once' count "$(pids vm)" "$work/disk.img" 1
check 'vm: one VM of the driver' count "$(pids vm)" /dev/vmm 1

# shellcheck disable=SC2016 # for the guest's shell
check 'the guest is still well' types 'echo $((6 * 7))' '^42$'
check 'it shuts down' timeout 60 vmctl stop -w boxed
check 'vmd ends with status 0' vmd_down
finish
