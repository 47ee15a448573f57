/* SPDX-License-Identifier: ISC */
/*
 * vminfo: print how many VMs the driver has, whoever made them. For root.
 */
#include <sys/ioctl.h>

#include <dev/vmm/vmm.h>
#include <machine/vmmvar.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
main(void)
{
	struct vm_info_params vip;
	int fd;

	if ((fd = open("/dev/vmm", O_RDWR)) == -1)
		err(1, "/dev/vmm");
	memset(&vip, 0, sizeof(vip));
	if (ioctl(fd, VMM_IOC_INFO, &vip) == -1)
		err(1, "VMM_IOC_INFO");
	if (vip.vip_size != 0) {
		if ((vip.vip_info = calloc(1, vip.vip_size)) == NULL)
			err(1, "calloc");
		if (ioctl(fd, VMM_IOC_INFO, &vip) == -1)
			err(1, "VMM_IOC_INFO");
	}
	printf("%zu\n", vip.vip_info_ct);
	return 0;
}
