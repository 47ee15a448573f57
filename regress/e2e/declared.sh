#!/bin/sh
# SPDX-License-Identifier: ISC
#
# declared.sh: VMs of vm.conf(5), and whose they are.

# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

# Run vmctl as a user.
as()
{
	as_user=$1
	shift
	su -s /bin/sh "$as_user" -c "vmctl $*"
}

stopped()
{
	vmctl status "$1" | grep -q " stopped $1\$"
}

check 'vmd starts with declared VMs' vmd_up <<END
socket owner :vmm
vm "first" {
	memory 16M
	boot "$tiny/sleep"
}
vm "off" {
	memory 16M
	boot "$tiny/sleep"
	disable
}
vm "mine" {
	memory 16M
	boot "$tiny/sleep"
	owner operator
	disable
}
END
check 'a declared VM starts with vmd' within 10 running first
check 'a disabled VM does not' stopped off
check 'a disabled VM can be started' vmctl start off
check 'it runs then' running off
check 'a declared VM that was stopped stays known' \
    eval 'vmctl stop -f -w off && stopped off'
check 'the owner starts his VM' as operator start mine
check 'the VM runs then' running mine
check 'status shows the owner' \
    eval 'vmctl status mine | grep -q " operator .* running mine\$"'
check 'the owner stops his VM' as operator stop -f -w mine
check 'the VM is stopped then' stopped mine
check 'the owner does not start the VM of another' \
    refused 'vm "off"' as operator start off
check 'the owner does not stop the VM of another' \
    refused 'vm "first"' as operator stop -f first
check 'the owner does not see the console of another' \
    refused 'Permission denied' as operator console first
check 'the owner does not make VMs' \
    refused 'vm "new"' as operator start -b "$tiny/sleep" new
check 'the owner does not add a disk to his VM' \
    refused 'vm "mine"' as operator start -d /etc/shadow mine
check 'who is not in the group is not heard' \
    refused 'no permission' as user status
check 'the VM of another still runs' running first
check 'vmd ends with status 0, and its VMs with it' vmd_down
check 'no process is left' none_left
check 'no VM is left' within 2 no_vm
finish
