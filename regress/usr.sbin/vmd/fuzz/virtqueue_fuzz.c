/* SPDX-License-Identifier: ISC */
/*
 * Whatever the rings hold, what virtqueue_pop() hands out is a finite chain
 * in RAM, readable part first, and what is pushed stays in RAM.
 */

#include <linux/virtio_ring.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "virtqueue.h"

#define PAGE	((uint64_t)GUESTMEM_PAGE_SIZE)
#define RAM	(4 * PAGE)

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* The head of the input; the rest fills RAM. */
struct input {
	uint16_t	 addr[VIRTQ_NAREAS];	/* in units that align */
	uint8_t		 size_shift;
	uint8_t		 features;
	uint8_t		 far;		/* bit n: area n is anywhere */
	uint8_t		 rounds;
	uint64_t	 anywhere;
};

static void
check(int ok)
{
	if (!ok)
		abort();
}

static void
check_chain(const struct virtqueue *vq, const struct guestmem *gm,
    const struct virtq_chain *vc)
{
	uint64_t	 out = 0, in = 0;
	unsigned int	 i;

	check(vc->vc_head < vq->vq_size);
	check(vc->vc_nout + vc->vc_nin <= vq->vq_max);
	check(vc->vc_nout + vc->vc_nin > 0);
	for (i = 0; i < vc->vc_nout + vc->vc_nin; i++) {
		check(vc->vc_vec[i].gv_len != 0);
		check(guestmem_contains(gm, vc->vc_vec[i].gv_gpa,
		    vc->vc_vec[i].gv_len));
		if (i < vc->vc_nout)
			out += vc->vc_vec[i].gv_len;
		else
			in += vc->vc_vec[i].gv_len;
	}
	check(out == vc->vc_out_len && in == vc->vc_in_len);
}

static void
use(struct virtqueue *vq, const struct guestmem *gm, unsigned int rounds)
{
	static struct virtq_chain	 vc;
	uint8_t				 buf[64];
	int				 r;

	while (rounds-- > 0) {
		virtqueue_quiesce(vq, gm);
		if ((r = virtqueue_pop(vq, gm, &vc)) == -1) {
			check(vq->vq_error != NULL);
			return;
		}
		if (r == 1) {
			check_chain(vq, gm, &vc);
			virtq_chain_read(&vc, gm, 0, buf, sizeof(buf));
			virtq_chain_write(&vc, gm, vc.vc_in_len / 2, buf,
			    vc.vc_in_len < 64 ? vc.vc_in_len / 2 : 32);
			check(virtqueue_push(vq, gm, vc.vc_head,
			    vc.vc_in_len) == 0);
		}
		virtqueue_rearm(vq, gm);
		virtqueue_interrupt(vq, gm);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct guestmem_range	 ranges[] = {
		{ 0, 2 * PAGE }, { 2 * PAGE, PAGE }, { 8 * PAGE, PAGE },
	};
	static const uint64_t	 unit[VIRTQ_NAREAS] = { 16, 2, 4 };
	struct guestmem		 gm;
	struct virtqueue	 vq;
	struct input		 in;
	uint8_t			*ram;
	int			 i;

	if (len < sizeof(in))
		return (0);
	memcpy(&in, data, sizeof(in));
	data += sizeof(in);
	len -= sizeof(in);
	ram = calloc(1, RAM);
	memcpy(ram, data, len < RAM ? len : RAM);
	check(guestmem_init(&gm, ram, ranges, 3) == 0);
	virtqueue_init(&vq, 1 << (in.size_shift >> 4) % 11);
	if (virtqueue_size_valid(&vq, 1 << in.size_shift % 16))
		vq.vq_size = 1 << in.size_shift % 16;
	for (i = 0; i < VIRTQ_NAREAS; i++)
		vq.vq_addr[i] = in.far & 1 << i ? in.anywhere :
		    in.addr[i] * unit[i] % (9 * PAGE);
	if (virtqueue_enable(&vq, &gm, (uint64_t)in.features << 24) == 0)
		use(&vq, &gm, in.rounds);
	free(ram);
	return (0);
}
