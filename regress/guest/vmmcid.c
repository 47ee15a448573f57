/* SPDX-License-Identifier: ISC */
/*
 * A driver in user space for vmd's control interface, which stock Linux lacks:
 * it obeys the host's requests to shut down and to reboot. The device is
 * that of OpenBSD's vmmci(4), 0b5d:0777, with a legacy virtio header in its
 * I/O BAR.
 */
#include <sys/io.h>
#include <sys/reboot.h>

#include <dirent.h>
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VMMCI_ID		"0x0b5d 0x0777"

/* Legacy virtio header, and the device's configuration behind it. */
#define VIRTIO_DEVICE_FEATURES	0
#define VIRTIO_GUEST_FEATURES	4
#define VIRTIO_DEVICE_STATUS	18
#define VMMCI_COMMAND		20

#define VIRTIO_STATUS_ACK	1
#define VIRTIO_STATUS_DRIVER	2
#define VIRTIO_STATUS_DRIVER_OK	4

#define VMMCI_F_ACK		2

#define VMMCI_SHUTDOWN		1
#define VMMCI_REBOOT		2

static int
read_line(const char *dir, const char *file, char *buf, size_t size)
{
	char path[512];
	FILE *fp;
	int ok;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", dir, file);
	fp = fopen(path, "r");
	if (fp == NULL)
		return 0;
	ok = fgets(buf, size, fp) != NULL;
	fclose(fp);
	return ok;
}

static int
is_vmmci(const char *dir)
{
	char vendor[16], device[16];

	return read_line(dir, "vendor", vendor, sizeof(vendor)) &&
	    read_line(dir, "device", device, sizeof(device)) &&
	    strncmp(vendor, "0x0b5d", 6) == 0 &&
	    strncmp(device, "0x0777", 6) == 0;
}

/* The base of the device's first BAR, or 0. */
static unsigned long
vmmci_find(void)
{
	unsigned long base = 0;
	struct dirent *de;
	char line[128];
	DIR *d;

	d = opendir("/sys/bus/pci/devices");
	while (d != NULL && base == 0 && (de = readdir(d)) != NULL) {
		if (is_vmmci(de->d_name) &&
		    read_line(de->d_name, "resource", line, sizeof(line)))
			sscanf(line, "%lx", &base);
	}
	if (d != NULL)
		closedir(d);
	return base;
}

static void
vmmci_attach(unsigned long base)
{
	outb(0, base + VIRTIO_DEVICE_STATUS);
	outb(VIRTIO_STATUS_ACK | VIRTIO_STATUS_DRIVER,
	    base + VIRTIO_DEVICE_STATUS);
	outl(inl(base + VIRTIO_DEVICE_FEATURES) & VMMCI_F_ACK,
	    base + VIRTIO_GUEST_FEATURES);
	outb(VIRTIO_STATUS_ACK | VIRTIO_STATUS_DRIVER |
	    VIRTIO_STATUS_DRIVER_OK, base + VIRTIO_DEVICE_STATUS);
}

static void
obey(unsigned long base, unsigned int cmd)
{
	outl(cmd, base + VMMCI_COMMAND);
	sync();
	reboot(cmd == VMMCI_REBOOT ? RB_AUTOBOOT : RB_POWER_OFF);
}

int
main(void)
{
	unsigned long base = vmmci_find();
	unsigned int cmd;

	if (base == 0)
		errx(1, "there is no vmmci device (" VMMCI_ID ")");
	if (iopl(3) == -1)
		err(1, "iopl");
	vmmci_attach(base);
	for (;;) {
		cmd = inl(base + VMMCI_COMMAND);
		if (cmd == VMMCI_SHUTDOWN || cmd == VMMCI_REBOOT)
			obey(base, cmd);
		usleep(500000);
	}
}
