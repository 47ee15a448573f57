/* SPDX-License-Identifier: ISC */
/* vmm(4): what the driver knows about the VMs of this host. */
#include <sys/ioctl.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "parent.h"

/* All VMs of the host; NULL when there are none, or no driver. */
static struct vm_info_result *
driver_info(int fd, size_t *n)
{
	struct vm_info_params vip = { 0 };
	struct vm_info_result *vir;

	if (ioctl(fd, VMM_IOC_INFO, &vip) == -1 || vip.vip_size == 0)
		return NULL;
	if ((vir = malloc(vip.vip_size)) == NULL)
		return NULL;
	vip.vip_info = vir;
	if (ioctl(fd, VMM_IOC_INFO, &vip) == -1 || vip.vip_info_ct == 0) {
		free(vir);
		return NULL;
	}
	*n = vip.vip_info_ct;
	return vir;
}

uint64_t
driver_memory(pid_t pid)
{
	struct vm_info_result *vir;
	uint64_t used = 0;
	size_t i, n = 0;
	int fd;

	if ((fd = open(VMM_NODE, O_RDWR | O_CLOEXEC)) == -1)
		return 0;
	if ((vir = driver_info(fd, &n)) != NULL)
		for (i = 0; i < n; i++)
			if (vir[i].vir_creator_pid == pid)
				used = vir[i].vir_used_size;
	free(vir);
	close(fd);
	return used;
}
