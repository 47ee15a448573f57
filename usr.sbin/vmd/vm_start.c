/* SPDX-License-Identifier: ISC */
/*
 * How the start of a VM travels from the parent to vmm and on to the vm
 * process: its configuration, each of its descriptors, and the end mark.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmd.h"

static void
fd_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

void
vm_start_init(struct vm_start *vst)
{
	int i;

	memset(vst, 0, sizeof(*vst));
	for (i = 0; i < VM_FD_DISK; i++)
		vst->vst_fds[i] = -1;
	for (i = 0; i < VMM_MAX_DISKS_PER_VM; i++)
		vst->vst_disks[i] = -1;
}

void
vm_start_close(struct vm_start *vst)
{
	int i;

	for (i = 0; i < VM_FD_DISK; i++)
		fd_close(&vst->vst_fds[i]);
	for (i = 0; i < VMM_MAX_DISKS_PER_VM; i++)
		fd_close(&vst->vst_disks[i]);
}

/* Queue one descriptor, if there is one. */
static int
vm_start_send_fd(struct imsgbuf *ibuf, uint32_t id, uint32_t kind,
    uint32_t index, int *fd)
{
	struct vm_fd vf = { kind, index };

	if (*fd == -1)
		return 0;
	if (imsg_compose(ibuf, IMSG_VMDOP_VM_FD, id, 0, *fd, &vf,
	    sizeof(vf)) == -1)
		return -1;
	*fd = -1;
	return 0;
}

int
vm_start_send(struct imsgbuf *ibuf, uint32_t id, struct vm_start *vst)
{
	int i, ret;

	ret = imsg_compose(ibuf, IMSG_VMDOP_VM_START, id, 0, -1,
	    &vst->vst_config, sizeof(vst->vst_config));
	for (i = 0; i < VM_FD_DISK && ret != -1; i++)
		ret = vm_start_send_fd(ibuf, id, i, 0, &vst->vst_fds[i]);
	for (i = 0; i < VMM_MAX_DISKS_PER_VM && ret != -1; i++)
		ret = vm_start_send_fd(ibuf, id, VM_FD_DISK, i,
		    &vst->vst_disks[i]);
	if (ret != -1)
		ret = imsg_compose(ibuf, IMSG_VMDOP_VM_END, id, 0, -1, NULL,
		    0);
	vm_start_close(vst);
	return ret == -1 ? -1 : 0;
}

static int
vm_config_ok(const struct vm_config *vc)
{
	return vc->vc_id != 0 &&
	    vc->vc_ncpus >= 1 && vc->vc_ncpus <= VM_MAX_CPUS &&
	    vc->vc_memory >= VM_MEM_MIN && vc->vc_memory <= VM_MEM_MAX &&
	    vc->vc_ndisks <= VMM_MAX_DISKS_PER_VM &&
	    memchr(vc->vc_name, '\0', sizeof(vc->vc_name)) != NULL &&
	    memchr(vc->vc_args, '\0', sizeof(vc->vc_args)) != NULL &&
	    vm_name_ok(vc->vc_name);
}

static int
vm_start_take_config(struct vm_start *vst, struct imsg *imsg)
{
	struct vm_config vc;

	if (vst->vst_config.vc_id != 0 ||
	    imsg_get_data(imsg, &vc, sizeof(vc)) == -1 || !vm_config_ok(&vc))
		return -1;
	vst->vst_config = vc;
	return 0;
}

static int
vm_start_take_fd(struct vm_start *vst, struct imsg *imsg)
{
	struct vm_fd vf;
	int *slot;

	if (vst->vst_config.vc_id == 0 ||
	    imsg_get_data(imsg, &vf, sizeof(vf)) == -1)
		return -1;
	if (vf.vf_kind == VM_FD_DISK) {
		if (vf.vf_index >= vst->vst_config.vc_ndisks)
			return -1;
		slot = &vst->vst_disks[vf.vf_index];
	} else {
		if (vf.vf_kind > VM_FD_DISK || vf.vf_index != 0)
			return -1;
		slot = &vst->vst_fds[vf.vf_kind];
	}
	if (*slot != -1 || (*slot = imsg_get_fd(imsg)) == -1)
		return -1;
	return 0;
}

/* All that a VM needs has come. */
static int
vm_start_complete(const struct vm_start *vst)
{
	uint32_t i;

	for (i = 0; i < VM_FD_DISK; i++)
		if (i != VM_FD_INITRD && vst->vst_fds[i] == -1)
			return 0;
	for (i = 0; i < vst->vst_config.vc_ndisks; i++)
		if (vst->vst_disks[i] == -1)
			return 0;
	return vst->vst_config.vc_id != 0;
}

int
vm_start_take(struct vm_start *vst, struct imsg *imsg)
{
	int ret = -1;

	switch (imsg_get_type(imsg)) {
	case IMSG_VMDOP_VM_START:
		ret = vm_start_take_config(vst, imsg);
		break;
	case IMSG_VMDOP_VM_FD:
		ret = vm_start_take_fd(vst, imsg);
		break;
	case IMSG_VMDOP_VM_END:
		if (imsg_get_len(imsg) == 0 && vm_start_complete(vst))
			ret = 1;
		break;
	}
	if (ret == -1)
		errno = EBADMSG;
	return ret;
}
