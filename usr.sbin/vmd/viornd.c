/* SPDX-License-Identifier: ISC */

/* The virtio entropy device; see viornd.h. */

#include <linux/virtio_ids.h>

#include "viornd.h"

#define VIORND_PCI_CLASS	0x088000	/* system peripheral, other */
#define VIORND_CHUNK		1024

static int
viornd_request(void *dev, unsigned int q, const struct virtq_chain *vc,
    uint32_t *len)
{
	struct viornd	*vr = dev;
	uint8_t		 buf[VIORND_CHUNK];
	uint64_t	 want = vc->vc_in_len;
	size_t		 n;

	(void)q;
	if (want > VIORND_MAX_REQUEST)
		want = VIORND_MAX_REQUEST;
	for (*len = 0; *len < want; *len += n) {
		n = want - *len < sizeof(buf) ? want - *len : sizeof(buf);
		vr->vr_random(buf, n);
		if (virtq_chain_write(vc, vr->vr_virtio.v_env.ve_gm, *len,
		    buf, n) == -1)
			return (-1);
	}
	return (0);
}

static const struct virtio_class viornd_class = {
	.vc_name = "viornd",
	.vc_type = VIRTIO_ID_RNG,
	.vc_pci_class = VIORND_PCI_CLASS,
	.vc_nqueues = 1,
	.vc_queue_size = VIORND_QUEUE_SIZE,
	.vc_request = viornd_request,
};

int
viornd_init(struct viornd *vr, const struct virtio_env *env,
    void (*random)(void *buf, size_t len))
{
	vr->vr_random = random;
	return (virtio_init(&vr->vr_virtio, &viornd_class, vr, env, 0, NULL,
	    0));
}
