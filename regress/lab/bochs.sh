# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# bochs.sh: what the hosts that Bochs emulates have in common; sourced by
# their files in hosts/, which set bochs_cpu.  One second of the host's time
# is 100 million instructions, and two runs are the same.

host_limit=900
host_terminal=
host_arguments='mitigations=off tsc=reliable'

# A CD that boots $kernel with $dir/initrd and $arguments.
iso_make()
{
	local at=$dir/cd

	mkdir "$at" &&
	    cp /usr/lib/ISOLINUX/isolinux.bin \
		/usr/lib/syslinux/modules/bios/ldlinux.c32 "$at" &&
	    cp "$kernel" "$at/vmlinuz" && mv "$dir/initrd" "$at/initrd" ||
	    fail "cannot write to $dir"
	printf '%s\n' 'DEFAULT lab' 'LABEL lab' 'KERNEL /vmlinuz' \
	    'INITRD /initrd' "APPEND $arguments" >"$at/isolinux.cfg"
	xorriso -as mkisofs -quiet -o "$dir/lab.iso" -b isolinux.bin \
	    -c boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table \
	    "$at" >/dev/null 2>&1 || fail "cannot make the host's CD"
	rm -rf "$at"
}

# The console goes to $log, the command's port to $dir/output.
bochsrc_write()
{
	cat >"$dir/bochsrc" <<-END
	display_library: nogui
	cpu: model=$bochs_cpu, count=1, ips=100000000
	cpu: reset_on_triple_fault=1, ignore_bad_msrs=1
	memory: guest=512, host=512
	romimage: file=/usr/share/bochs/BIOS-bochs-latest
	vgaromimage: file=/usr/share/vgabios/vgabios.bin
	ata0-master: type=cdrom, path=$dir/lab.iso, status=inserted
	boot: cdrom
	com1: enabled=1, mode=file, dev=$log
	com2: enabled=1, mode=file, dev=$dir/output
	panic: action=report
	error: action=report
	info: action=ignore
	clock: sync=none, time0=utc
	log: -
	END
}

host_prepare()
{
	bochs=$("$lab/bochs") || exit 125
	iso_make
	bochsrc_write
}

# Become the emulator.
host_start()
{
	exec "${tether[@]}" "$bochs" -q -f "$dir/bochsrc" -unlock
}
