#!/bin/sh
# SPDX-License-Identifier: ISC
#
# hostile.sh: guests that do what they should not hurt themselves only.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# tiny_start GUEST: it and a witness.
tiny_start()
{
	vmctl start -m 16M -b "$tiny/$1" -d "$work/disk" "$1"
}

answers()
{
	timeout 5 vmctl status && running witness && kill -0 "$vmd_pid"
}

gone()
{
	within 5 unknown "$1" && within 2 vms_are 1
}

dd if=/dev/zero of="$work/disk" bs=1024 count=1024 2>/dev/null
vmd_up </dev/null || exit 1
check 'a well-behaved VM beside them' waiting witness

check 'a guest that spins with interrupts off starts' tiny_start spin
sleep 2
check 'it runs' running spin
check 'vmctl answers meanwhile' answers
check 'it can be stopped with -f' timeout 10 vmctl stop -f -w spin
check 'it is gone' gone spin

check 'a guest that faults three times starts' tiny_start triple
check 'it restarts until that is too often, and ends' \
    within 60 eval 'logged "vm \"triple\": .*too often"'
check 'vmctl answers then' answers
check 'it is gone' gone triple

check 'a guest that turns itself off starts' tiny_start halt
check 'it is gone' gone halt
check 'vmctl answers then' answers

check 'a guest that writes nonsense to all ports starts' tiny_start ports
sleep 15
check 'vmctl answers meanwhile' answers
running ports && echo 'the guest still runs'
vmctl stop -f -w ports >/dev/null 2>&1
check 'it is gone' gone ports
check 'no process was killed for a forbidden system call' \
    not logged 'killed'

check 'the well-behaved VM still runs' running witness
check 'vmd ends with status 0' vmd_down
check 'no process is left' none_left
finish
