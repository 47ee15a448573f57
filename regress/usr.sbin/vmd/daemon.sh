#!/bin/sh
# SPDX-License-Identifier: ISC
#
# daemon.sh [BINDIR [PATTERN]]
# The promises of vmd(8)'s process model, as root, with vmd-fakevm and vmctl
# from BINDIR, or where this script is: a vmd whose vm processes have no guest
# but behave, or misbehave, as their VM's name says. No other vmd may be
# running. Where there is no /dev/vmm, a stand-in is made for the time of the
# test.

set -u
export LC_ALL=C
bin=${1:-$(dirname "$0")}
vmd=$bin/vmd-fakevm
vmctl=$bin/vmctl
pattern=${2:-}
dir=$(mktemp -d) || exit 1
log=$dir/log
conf=$dir/vm.conf
sock=/run/vmd.sock
passed=0
failed=0
node=

# Wait until a command succeeds: up to $1 seconds.
within()
{
	tries=$(($1 * 10))
	shift
	while ! "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		sleep 0.1
	done
}

not()
{
	! "$@"
}

# The process ids of a role: parent, control, vmm, vm; or of "(a|b)".
pids()
{
	grep -lasE "^vmd: $1([^a-z]|\$)" /proc/[0-9]*/cmdline |
	    sed 's/[^0-9]//g'
}

none()
{
	[ -z "$(pids '(parent|control|vmm|vm)')" ]
}

# Start the daemon with the configuration on standard input.
daemon()
{
	cat >"$conf"
	: >"$log"
	"$vmd" -d -v -f "$conf" >>"$log" 2>&1 &
	parent=$!
	if ! within 10 grep -q 'vmd: ready' "$log"; then
		cat "$log"
		return 1
	fi
}

# Stop it as an administrator does; its exit status.
daemon_stop()
{
	kill "$parent" && wait "$parent"
}

start()
{
	"$vmctl" start -b "$dir/kernel" "$@"
}

running()
{
	"$vmctl" status "$1" | grep -q " running $1\$"
}

known()
{
	"$vmctl" status | grep -q " $1\$"
}

# A command that must fail with status 1 and one line that has these words.
refused()
{
	words=$1
	status=0
	shift
	"$@" >"$dir/out" 2>&1 </dev/null || status=$?
	if [ $status -ne 1 ] || [ "$(wc -l <"$dir/out")" -ne 1 ] ||
	    ! grep -q "$words" "$dir/out"; then
		cat "$dir/out"
		return 1
	fi
}

as_user()
{
	su -s /bin/sh _vmd -c "$*"
}

cleanup()
{
	for pid in $(pids parent); do
		kill -9 "$pid"
	done
	within 5 none
	rm -f $sock /run/vmd.pid
	[ -z "$node" ] || rm -f "$node"
	rm -rf "$dir"
}

# One promise: the function named after it.
check()
{
	case $1 in
	*$pattern*) ;;
	*) return;;
	esac
	# set -e has no effect in a condition.
	(set -e; "$1") >"$dir/result" 2>&1
	if [ $? -eq 0 ] && within 5 none; then
		passed=$((passed + 1))
		return
	fi
	echo "FAIL $1"
	sed 's/^/    /' "$dir/result" "$log"
	failed=$((failed + 1))
	for pid in $(pids parent); do
		kill -9 "$pid"
	done
	within 5 none
	rm -f $sock
}

confined()
{
	grep -q '^Uid:.[1-9]' "/proc/$1/status" || return 1
	[ "$(grep -c '^Cap[A-Za-z]*:.0000000000000000$' \
	    "/proc/$1/status")" -eq 5 ] || return 1
	grep -q '^NoNewPrivs:.1$' "/proc/$1/status" || return 1
	grep -q '^Seccomp:.2$' "/proc/$1/status" || return 1
	[ -z "$(ls -A "/proc/$1/root/")" ] || return 1
	for ns in net ipc uts mnt; do
		[ "$(readlink "/proc/$1/ns/$ns")" != \
		    "$(readlink "/proc/self/ns/$ns")" ] || return 1
	done
}

# What the descriptors of a process are, without sockets and the like.
files()
{
	for fd in "/proc/$1/fd"/*; do
		readlink "$fd"
	done | grep '^/' | grep -v -e '^/dev/null' -e "^$log" | sort
}

processes_are_confined()
{
	daemon </dev/null
	start good
	for role in control vmm vm; do
		[ -n "$(pids $role)" ]
		for pid in $(pids $role); do
			confined "$pid" || { echo "$role is not"; exit 1; }
		done
	done
	daemon_stop
}

processes_have_only_their_files()
{
	daemon </dev/null
	start -d "$dir/disk" good
	[ -z "$(files "$(pids control)")" ]
	[ "$(files "$(pids vmm)")" = "$(readlink -f "$vmd")" ]
	files "$(pids vm)" >"$dir/files"
	cat "$dir/files"
	[ "$(grep -c -v -e '^/dev/ptmx$' -e '^/dev/pts/' -e '^/dev/vmm$' \
	    -e "^$dir/kernel\$" -e "^$dir/disk\$" "$dir/files")" -eq 0 ]
	daemon_stop
}

a_stopped_vm_leaves_nothing()
{
	daemon </dev/null
	before=$(ls "/proc/$parent/fd" "/proc/$(pids vmm)/fd" | wc -l)
	start -d "$dir/disk" good
	running good
	"$vmctl" stop -w good
	not known good
	[ -z "$(pids vm)" ]
	[ "$(ls "/proc/$parent/fd" "/proc/$(pids vmm)/fd" | wc -l)" -eq \
	    "$before" ]
	start -d "$dir/disk" good
	daemon_stop
}

a_deaf_guest_is_ended()
{
	daemon </dev/null
	start deaf
	timeout 8 "$vmctl" stop -w deaf
	daemon_stop
}

a_stuck_process_is_killed()
{
	daemon </dev/null
	start stuck
	timeout 14 "$vmctl" stop -f -w stuck
	daemon_stop
}

# A VM that ends in this way is gone, the daemon is not.
ends()
{
	daemon </dev/null
	start "$1" || :
	start good
	within 5 not known "$1"
	grep "vm \"$1\": $2" "$log"
	running good
	daemon_stop
}

a_vm_may_power_off()		{ ends off ended; }
a_vm_may_crash()		{ ends crash 'its process was killed by'; }
a_vm_may_not_use_paths()	{ ends open 'its process was killed for'; }
a_vm_may_not_pose_as_vmm()	{ ends rogue 'ended, as its process sent'; }
a_vm_may_not_send_garbage()	{ ends garbage 'ended, as its process sent'; }
restarts_are_limited()		{ ends reboot 'it restarts too often'; }

a_vm_killed_is_gone()
{
	daemon </dev/null
	start good
	"$vmctl" wait good &
	waiter=$!
	sleep 0.5
	kill -9 "$(pids vm)"
	within 5 not known good
	wait $waiter || :
	daemon_stop
}

a_failed_start_leaves_nothing()
{
	daemon <<-EOT
	vm "good-1" {
		boot "$dir/nothing"
		disable
	}
	vm "good-2" {
		boot "$dir/kernel"
		disk "$dir/nothing"
		disable
	}
	EOT
	before=$(ls "/proc/$parent/fd" "/proc/$(pids vmm)/fd" | wc -l)
	refused 'vm "fail": no ? kernel' start -d "$dir/disk" fail
	not known fail
	refused 'vm "good-1": cannot open kernel' "$vmctl" start good-1
	refused 'vm "good": .*regular' "$vmctl" start -b /dev/null good
	refused 'vm "good-2": cannot open disk' "$vmctl" start good-2
	refused 'vm "good": disk .* empty' start -d "$dir/empty" good
	refused 'vm "good": disk .* qcow2' start -d "$dir/qcow2" good
	refused 'vm "good": disk .* in use' start -d "$dir/disk" \
	    -d "$dir/disk" good
	refused 'good.*memory' start -m 1T good
	not known good
	[ "$(ls "/proc/$parent/fd" "/proc/$(pids vmm)/fd" | wc -l)" -eq \
	    "$before" ]
	daemon_stop
}

a_disk_has_one_user()
{
	daemon </dev/null
	start -d "$dir/disk" good
	refused 'vm "good-2": disk .* in use' start -d "$dir/disk" good-2
	daemon_stop
}

mistakes_are_answered()
{
	daemon </dev/null
	start good
	refused 'vm "good": it is running already' start good
	refused 'vm "nobody": vm not found' "$vmctl" stop nobody
	refused 'vm "nobody": vm not found' "$vmctl" start nobody
	refused 'vm "nobody": vm not found' "$vmctl" wait nobody
	daemon_stop
}

a_start_may_be_cancelled()
{
	daemon </dev/null
	refused 'stopped before it had started' start slow &
	within 5 known slow
	"$vmctl" stop slow
	wait $!
	not known slow
	daemon_stop
}

declared_vms_start()
{
	daemon <<-EOT
	vm "good-1" {
		boot "$dir/kernel"
	}
	vm "good-2" {
		boot "$dir/kernel"
		disable
	}
	EOT
	within 5 running good-1
	known good-2
	not running good-2
	"$vmctl" start good-2
	running good-2
	"$vmctl" stop -w good-2
	known good-2
	daemon_stop
}

reload_keeps_what_runs()
{
	daemon <<-EOT
	vm "good-1" {
		boot "$dir/kernel"
	}
	vm "good-2" {
		boot "$dir/kernel"
		disable
	}
	EOT
	within 5 running good-1
	pid=$(pids vm)
	cat >"$conf" <<-EOT
	vm "good-3" {
		boot "$dir/kernel"
		disable
	}
	EOT
	kill -HUP "$parent"
	within 5 known good-3
	not known good-2
	[ "$(pids vm)" = "$pid" ]
	echo 'vm {' >"$conf"
	refused 'not used' "$vmctl" reload
	known good-3
	daemon_stop
}

users_have_their_own_vms()
{
	daemon <<-EOT
	socket owner :_vmd
	vm "good-1" {
		boot "$dir/kernel"
		owner _vmd
		disable
	}
	vm "good-2" {
		boot "$dir/kernel"
		disable
	}
	EOT
	cp "$vmctl" "$dir/vmctl"
	as_user "$dir/vmctl start good-1"
	running good-1
	as_user "$dir/vmctl status" | grep good-2
	refused 'vm "good-2": only root' as_user "$dir/vmctl start good-2"
	"$vmctl" start good-2
	refused 'vm "good-2": only root' as_user "$dir/vmctl stop good-2"
	refused 'only root' as_user "$dir/vmctl reload"
	refused 'vm "good-3"' as_user \
	    "$dir/vmctl start -b $dir/kernel good-3"
	as_user "$dir/vmctl stop -w good-1"
	refused 'vm "good-1": only root' as_user \
	    "$dir/vmctl start -m 1G good-1"
	daemon_stop
}

there_is_one_vmd()
{
	daemon </dev/null
	refused 'another vmd is running' "$vmd" -f "$conf"
	"$vmctl" status
	daemon_stop
}

a_stale_socket_is_replaced()
{
	daemon </dev/null
	kill -9 "$parent"
	within 5 none
	[ -S $sock ]
	daemon </dev/null
	"$vmctl" status
	daemon_stop
}

killing_the_parent_ends_all()
{
	daemon </dev/null
	start good
	start stuck
	kill -9 "$parent"
	within 5 none
}

# The loss of one of the daemon's own processes is the end of all.
lost()
{
	daemon </dev/null
	start good
	start "$2"
	kill -9 "$(pids "$1")"
	if wait "$parent"; then
		return 1
	fi
	grep "the $1 process was killed by signal 9: shutting down" "$log"
	not [ -e $sock ]
	none
}

killing_vmm_ends_all()		{ lost vmm stuck; }
killing_control_ends_all()	{ lost control good-2; }

a_daemon_says_when_it_is_ready()
{
	echo "vm \"good\" { boot \"$dir/kernel\" }" >"$conf"
	"$vmd" -f "$conf"
	"$vmctl" status
	kill "$(pids parent)"
	within 10 none
}

bad_configuration_starts_nothing()
{
	echo 'vm "good" { nonsense }' >"$conf"
	"$vmd" -f "$conf" 2>"$dir/out" && return 1
	grep "vm.conf:1" "$dir/out"
	"$vmd" -n -f "$conf" && return 1
	not [ -e $sock ]
	none
}

only_root_may_start_it()
{
	cp "$vmd" "$dir/vmd"
	refused 'need root privileges' as_user "$dir/vmd -d"
}

[ "$(id -u)" -eq 0 ] || { echo "daemon.sh: must be root"; exit 1; }
none || { echo "daemon.sh: vmd is running"; exit 1; }
trap cleanup EXIT
chmod 755 "$dir"
if ! [ -e /dev/vmm ]; then
	node=/dev/vmm
	mknod -m 600 $node c 1 3
fi
echo kernel >"$dir/kernel"
dd if=/dev/zero of="$dir/disk" bs=1024 count=1024 2>/dev/null
: >"$dir/empty"
printf 'QFI\373' >"$dir/qcow2"

for promise in \
    processes_are_confined processes_have_only_their_files \
    a_stopped_vm_leaves_nothing a_deaf_guest_is_ended \
    a_stuck_process_is_killed a_vm_may_power_off a_vm_may_crash \
    a_vm_may_not_use_paths a_vm_may_not_pose_as_vmm \
    a_vm_may_not_send_garbage restarts_are_limited a_vm_killed_is_gone \
    a_failed_start_leaves_nothing a_disk_has_one_user mistakes_are_answered \
    a_start_may_be_cancelled declared_vms_start reload_keeps_what_runs \
    users_have_their_own_vms there_is_one_vmd a_stale_socket_is_replaced \
    killing_the_parent_ends_all killing_vmm_ends_all \
    killing_control_ends_all a_daemon_says_when_it_is_ready \
    bad_configuration_starts_nothing only_root_may_start_it; do
	check $promise
done
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
