# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# lib.sh: sourced by the tests of this directory, which run as root in a host
# with vmm.ko and no vmd:  NAME.sh DIR, where DIR has e2e/ and guest/.

# shellcheck source-path=SCRIPTDIR source=console.sh
. "$(dirname "$0")/console.sh"

set -u
root=$1
guest=$root/guest
# shellcheck disable=SC2034 # for those who source this
tiny=$guest/tiny
sock=/run/vmd.sock
passed=0
failed=0
skipped=0
work=$(mktemp -d) || exit 1
log=$work/log
vmd_pid=
trap 'cleanup' EXIT

vmd_kill()
{
	for pid in $(pids parent); do
		kill -9 "$pid"
	done
	rm -f "$sock"
}

cleanup()
{
	console_close
	vmd_kill
	rm -rf "$work"
}

# check NAME COMMAND...: the promise is kept if the command succeeds; what it
# prints is shown when it does not.
check()
{
	promise=$1
	shift
	if "$@" >"$work/why" 2>&1; then
		echo "ok   $promise"
		passed=$((passed + 1))
		return 0
	fi
	echo "FAIL $promise: $(tail -n 1 "$work/why" | tr -d '\r')"
	tail -n 20 "$work/why" | sed 's/^/    /'
	failed=$((failed + 1))
	return 1
}

# Print the sums; to be the last of a test.
finish()
{
	if [ "$failed" -ne 0 ]; then
		echo "the end of vmd's log:"
		tail -n 30 "$log" | sed 's/^/    /'
	fi
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ]
}

not()
{
	! "$@"
}

# within SECONDS COMMAND...: wait until it succeeds.
within()
{
	tries=$(($1 * 10))
	shift
	while ! "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

logged()
{
	grep -q -e "$1" "$log"
}

# Start vmd with the vm.conf on standard input.
vmd_up()
{
	cat >"$work/vm.conf"
	: >"$log"
	vmd -d -v -f "$work/vm.conf" >>"$log" 2>&1 </dev/null &
	vmd_pid=$!
	within 10 logged 'vmd: ready' || {
		cat "$log"
		return 1
	}
}

# Stop it as an administrator does.
vmd_down()
{
	kill "$vmd_pid" && wait "$vmd_pid"
}

# The processes of a role: parent, control, vmm, vm; or of "(a|b)".
pids()
{
	grep -lasE "^vmd: $1([^a-z]|\$)" /proc/[0-9]*/cmdline |
	    sed 's/[^0-9]//g'
}

none_left()
{
	[ -z "$(pids '(parent|control|vmm|vm)')" ]
}

running()
{
	vmctl status "$1" 2>/dev/null | grep -q " running $1\$"
}

process_of()
{
	vmctl status "$1" | awk 'NR > 1 { print $2 }'
}

# shellcheck disable=SC2317 # called by way of others
known()
{
	vmctl status | grep -q " $1\$"
}

unknown()
{
	! known "$1"
}

# refused WORDS COMMAND...: it fails with status 1 and one line that has them.
refused()
{
	words=$1
	shift
	code=0
	"$@" >"$work/out" 2>&1 </dev/null || code=$?
	cat "$work/out"
	[ $code -eq 1 ] && [ "$(wc -l <"$work/out")" -eq 1 ] &&
	    grep -q -e "$words" "$work/out"
}

# The guest that only waits: waiting NAME OPTION...
waiting()
{
	waiting_name=$1
	shift
	vmctl start -m 16M -b "$tiny/sleep" "$@" "$waiting_name"
}

# How many VMs the driver has.
vms()
{
	"$root/guest/vminfo"
}

vms_are()
{
	echo "$(vms) VMs"
	[ "$(vms)" -eq "$1" ]
}

no_vm()
{
	vms_are 0
}

# No process has this role.
none_of()
{
	[ -z "$(pids "$1")" ]
}

# KiB of the host's memory that are memory of guests, or files in memory.
shmem()
{
	sed -n 's/^Shmem: *\([0-9]*\) kB/\1/p' /proc/meminfo
}

# The host has its memory back, but for a megabyte of logs: back KIB-BEFORE.
back()
{
	echo "$(shmem) KiB, before: $1 KiB"
	[ "$(shmem)" -lt $(($1 + 1024)) ]
}

# Seconds since the host's start, in hundredths.
now()
{
	cut -d ' ' -f 1 /proc/uptime | tr -d .
}

# The guest with its shell on the console: linux NAME OPTION...
linux()
{
	linux_name=$1
	shift
	vmctl start -c -m 256M -b "$guest/vmlinuz" -I "$guest/initrd.gz" \
	    -a "console=ttyS0 quiet" "$@" "$linux_name"
}

# Wait for the shell's prompt.
shell_ready()
{
	console_expect '# $' 120
}

# types COMMAND PATTERN: what it prints, within 20 seconds, matches.
types()
{
	console_type "$1"
	console_expect "$2" 20
}

vmd_kill	# of a test that did not come to its end
