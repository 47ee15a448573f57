/* SPDX-License-Identifier: ISC */
/*
 * Promises of the split virtqueue: what a driver may do, works; what it must
 * not do ends in "needs reset" and touches nothing else.
 */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "fakeguest.h"

#define QSIZE		32
#define W		VRING_DESC_F_WRITE
#define NEXT		VRING_DESC_F_NEXT
#define IND		VRING_DESC_F_INDIRECT
#define F_INDIRECT	(1ULL << VIRTIO_RING_F_INDIRECT_DESC)
#define F_EVENT_IDX	(1ULL << VIRTIO_RING_F_EVENT_IDX)

static struct fakeguest		 fg;
static struct virtio		 v;
static struct virtq_chain	 last;
static unsigned int		 requests;
static int			 malformed;

/* The device: reads it all, writes it all. */
static int
test_request(void *dev, unsigned int q, const struct virtq_chain *vc,
    uint32_t *len)
{
	static uint8_t	 buf[FG_RAM];
	size_t		 n;

	(void)dev;
	(void)q;
	requests++;
	last = *vc;
	n = vc->vc_out_len < sizeof(buf) ? vc->vc_out_len : sizeof(buf);
	if (malformed || virtq_chain_read(vc, &fg.gm, 0, buf, n) == -1)
		return (-1);
	n = vc->vc_in_len < sizeof(buf) ? vc->vc_in_len : sizeof(buf);
	memset(buf, 0xdd, n);
	if (virtq_chain_write(vc, &fg.gm, 0, buf, n) == -1)
		return (-1);
	*len = n;
	return (0);
}

static const struct virtio_class	 test_class = {
	.vc_name = "test",
	.vc_type = 9,
	.vc_nqueues = 1,
	.vc_queue_size = QSIZE,
	.vc_request = test_request,
};

static int
setup(void **state)
{
	(void)state;
	fg_init(&fg);
	requests = 0;
	malformed = 0;
	if (virtio_init(&v, &test_class, &fg, &fg.env, 0, NULL, 0) == -1)
		return (-1);
	fg_start(&fg, F_INDIRECT, QSIZE);
	while (virtio_process(&v, 16))
		continue;
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	fg_free(&fg);
	return (0);
}

/* The chain at 0 is an offence; then a reset makes all well again. */
static void
refused(const char *why)
{
	uint32_t	 id, len;
	uint8_t		*before = malloc(FG_RAM);

	fg_avail(&fg, 0);
	memcpy(before, fg.ram, FG_RAM);
	requests = fg.broken = 0;
	fg_isr(&fg);
	fg_notify(&fg, 0);
	while (virtio_process(&v, 16))
		continue;
	/* The one thing it may write is "do not notify" in the used ring. */
	guestmem_store16(&fg.gm, FG_USED, 0);
	assert_memory_equal(fg.ram, before, FG_RAM);
	free(before);
	assert_int_equal(requests, 0);
	assert_int_equal(fg_used(&fg, &id, &len), 0);
	assert_true(fg_status(&fg) & VIRTIO_CONFIG_S_NEEDS_RESET);
	assert_int_equal(fg.irq[3], 1);
	assert_int_equal(fg_isr(&fg), VIRTIO_PCI_ISR_CONFIG);
	assert_int_equal(fg.broken, 1);
	assert_string_equal(fg.why, why);
	/* It stays so. */
	fg_notify(&fg, 0);
	assert_int_equal(virtio_process(&v, 16), 0);
	assert_int_equal(requests, 0);

	fg_start(&fg, F_INDIRECT, QSIZE);
	fg_desc(&fg, 0, FG_BUF, 8, W, 0);
	fg_submit(&fg, &v, 0);
	assert_int_equal(requests, 1);
	assert_int_equal(fg_used(&fg, &id, &len), 1);
	fg_start(&fg, F_INDIRECT, QSIZE);
}

static void
a_chain_is_handed_over_in_order(void **state)
{
	uint32_t	 id, len;

	(void)state;
	fg_desc(&fg, 7, FG_BUF, 16, NEXT, 3);
	fg_desc(&fg, 3, FG_BUF + 100, 4, NEXT, 9);
	fg_desc(&fg, 9, FG_BUF + 200, 5, W | NEXT, 31);
	fg_desc(&fg, 31, FG_BUF + 300, 6, W, 12345);
	fg_submit(&fg, &v, 7);
	assert_int_equal(last.vc_nout, 2);
	assert_int_equal(last.vc_nin, 2);
	assert_true(last.vc_out_len == 20 && last.vc_in_len == 11);
	assert_true(last.vc_vec[1].gv_gpa == FG_BUF + 100);
	assert_true(last.vc_vec[3].gv_len == 6);
	assert_int_equal(fg_used(&fg, &id, &len), 1);
	assert_int_equal(id, 7);
	assert_int_equal(len, 11);
	assert_int_equal(fg.ram[FG_LOW + 204], 0xdd);
	assert_int_equal(fg.ram[FG_LOW + 205], 0);
	assert_int_equal(fg.ram[FG_LOW + 305], 0xdd);
}

static void
loops_are_refused(void **state)
{
	(void)state;
	fg_desc(&fg, 0, FG_BUF, 8, NEXT, 0);
	refused("descriptor loop");
	fg_desc(&fg, 0, FG_BUF, 8, NEXT, 1);
	fg_desc(&fg, 1, FG_BUF, 8, NEXT, 2);
	fg_desc(&fg, 2, FG_BUF, 8, NEXT, 1);
	refused("descriptor loop");
}

static void
a_loop_in_an_indirect_table_is_refused(void **state)
{
	(void)state;
	fg_desc(&fg, 0, FG_TABLE, 3 * 16, IND, 0);
	fg_desc_at(&fg, FG_TABLE, 0, FG_BUF, 8, NEXT, 1);
	fg_desc_at(&fg, FG_TABLE, 1, FG_BUF, 8, NEXT, 0);
	refused("descriptor loop");
}

static void
indexes_out_of_range_are_refused(void **state)
{
	static const uint16_t	 bad[] = { QSIZE, QSIZE + 1, 0x7fff, 0x8000,
	    0xffff };
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fg_desc(&fg, 0, FG_BUF, 8, NEXT, bad[i]);
		refused("descriptor index");
		fg_desc(&fg, 0, FG_TABLE, 16, IND, 0);
		fg_desc_at(&fg, FG_TABLE, 0, FG_BUF, 8, NEXT, 1);
		refused("descriptor loop");
		fg_desc(&fg, 0, FG_TABLE, 32, IND, 0);
		fg_desc_at(&fg, FG_TABLE, 0, FG_BUF, 8, NEXT, bad[i]);
		refused("descriptor index");
	}
}

static void
a_head_out_of_range_is_refused(void **state)
{
	static const uint16_t	 bad[] = { QSIZE, 0x8000, 0xffff };
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fg_submit(&fg, &v, bad[i]);
		assert_true(fg_status(&fg) & VIRTIO_CONFIG_S_NEEDS_RESET);
		assert_int_equal(requests, 0);
		fg_start(&fg, 0, QSIZE);
	}
}

static void
an_available_index_too_far_ahead_is_refused(void **state)
{
	static const uint16_t	 bad[] = { QSIZE + 1, 0x7fff, 0x8000, 0xffff };
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		guestmem_store16(&fg.gm, FG_AVAIL + 2, bad[i]);
		fg_notify(&fg, 0);
		assert_int_equal(virtio_process(&v, 16), 0);
		assert_string_equal(fg.why, "available index");
		assert_int_equal(requests, 0);
		fg_start(&fg, 0, QSIZE);
	}
}

static void
empty_descriptors_are_refused(void **state)
{
	(void)state;
	fg_desc(&fg, 0, FG_BUF, 0, 0, 0);
	refused("empty descriptor");
	fg_desc(&fg, 0, FG_BUF, 8, NEXT, 1);
	fg_desc(&fg, 1, FG_BUF, 0, W, 1);
	refused("empty descriptor");
}

static void
buffers_outside_ram_are_refused(void **state)
{
	static const struct {
		uint64_t	 gpa;
		uint32_t	 len;
	} bad[] = {
		{ FG_HOLE, 1 },
		{ FG_LOW - 1, 2 },		/* into the hole */
		{ FG_HIGH - 1, 2 },		/* out of the hole */
		{ FG_HIGH + FG_HIGH_SIZE - 8, 9 },
		{ FG_BUF, UINT32_MAX },
		{ 0, FG_HIGH + 16 },		/* over the hole */
		{ UINT64_MAX, 1 },
		{ UINT64_MAX - 7, 16 },		/* wraps to 0 */
		{ -(uint64_t)UINT32_MAX, UINT32_MAX },
		{ 0xfee00000, 4 },		/* where devices are */
		{ 1ULL << 63, 8 },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fg_desc(&fg, 0, bad[i].gpa, bad[i].len, 0, 0);
		refused("buffer outside RAM");
		fg_desc(&fg, 0, bad[i].gpa, bad[i].len, W, 0);
		refused("buffer outside RAM");
		fg_desc(&fg, 0, FG_TABLE, 16, IND, 0);
		fg_desc_at(&fg, FG_TABLE, 0, bad[i].gpa, bad[i].len, W, 0);
		refused("buffer outside RAM");
	}
}

static void
readable_after_writable_is_refused(void **state)
{
	(void)state;
	fg_desc(&fg, 0, FG_BUF, 8, W | NEXT, 1);
	fg_desc(&fg, 1, FG_BUF, 8, 0, 0);
	refused("readable descriptor after a writable one");
	/* Also where the direct and the indirect part meet. */
	fg_desc(&fg, 0, FG_BUF, 8, W | NEXT, 1);
	fg_desc(&fg, 1, FG_TABLE, 16, IND, 0);
	fg_desc_at(&fg, FG_TABLE, 0, FG_BUF, 8, 0, 0);
	refused("readable descriptor after a writable one");
}

static void
an_indirect_table_serves_like_descriptors(void **state)
{
	uint32_t	 id, len;
	uint16_t	 i;

	(void)state;
	/* Direct descriptors may precede it; W there means nothing. */
	fg_desc(&fg, 0, FG_BUF, 8, NEXT, 1);
	fg_desc(&fg, 1, FG_TABLE, (QSIZE - 1) * 16, IND | W, 0);
	for (i = 0; i < QSIZE - 1; i++)
		fg_desc_at(&fg, FG_TABLE, i, FG_BUF + 16 * i, 2,
		    i == QSIZE - 2 ? W : W | NEXT, i + 1);
	fg_submit(&fg, &v, 0);
	assert_int_equal(requests, 1);
	assert_int_equal(last.vc_nout, 1);
	assert_int_equal(last.vc_nin, QSIZE - 1);
	assert_int_equal(fg_used(&fg, &id, &len), 1);
	assert_int_equal(id, 0);
	assert_int_equal(len, 2 * (QSIZE - 1));
}

static void
a_chain_longer_than_the_queue_is_refused(void **state)
{
	uint16_t	 i;

	(void)state;
	fg_desc(&fg, 0, FG_TABLE, (QSIZE + 1) * 16, IND, 0);
	for (i = 0; i <= QSIZE; i++)
		fg_desc_at(&fg, FG_TABLE, i, FG_BUF, 2,
		    i == QSIZE ? W : W | NEXT, i + 1);
	refused("chain longer than the queue");
}

static void
bad_indirect_tables_are_refused(void **state)
{
	static const struct {
		uint64_t	 gpa;
		uint32_t	 len;
		const char	*why;
	} bad[] = {
		{ FG_TABLE, 0, "indirect table size" },
		{ FG_TABLE, 8, "indirect table size" },
		{ FG_TABLE, 17, "indirect table size" },
		{ FG_TABLE, UINT32_MAX, "indirect table size" },
		{ FG_TABLE, UINT32_MAX - 15, "table outside RAM" },
		{ FG_HOLE, 16, "table outside RAM" },
		{ FG_LOW - 16, 32, "table outside RAM" },
		{ -16ULL, 32, "table outside RAM" },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fg_desc(&fg, 0, bad[i].gpa, bad[i].len, IND, 0);
		refused(bad[i].why);
	}
}

static void
indirect_in_indirect_is_refused(void **state)
{
	(void)state;
	fg_desc(&fg, 0, FG_TABLE, 32, IND, 0);
	fg_desc_at(&fg, FG_TABLE, 0, FG_TABLE, 32, IND, 0);
	refused("indirect descriptor not allowed here");
}

static void
indirect_ends_the_chain_and_needs_the_feature(void **state)
{
	(void)state;
	fg_desc(&fg, 0, FG_TABLE, 16, IND | NEXT, 1);
	fg_desc_at(&fg, FG_TABLE, 0, FG_BUF, 8, W, 0);
	fg_desc(&fg, 1, FG_BUF, 8, W, 0);
	refused("indirect descriptor not allowed here");

	fg_start(&fg, 0, QSIZE);
	fg_desc(&fg, 0, FG_TABLE, 16, IND, 0);
	refused("indirect descriptor not allowed here");
}

static void
a_request_the_device_cannot_read_needs_a_reset(void **state)
{
	uint32_t	 id, len;

	(void)state;
	malformed = 1;
	fg_desc(&fg, 0, FG_BUF, 8, W, 0);
	fg_submit(&fg, &v, 0);
	assert_string_equal(fg.why, "malformed request");
	assert_int_equal(fg_used(&fg, &id, &len), 0);
}

static void
the_budget_bounds_the_work(void **state)
{
	int	 i;

	(void)state;
	fg_desc(&fg, 0, FG_BUF, 8, W, 0);
	for (i = 0; i < QSIZE; i++)
		fg_avail(&fg, 0);
	fg_notify(&fg, 0);
	assert_int_equal(virtio_process(&v, 10), 1);
	assert_int_equal(requests, 10);
	assert_int_equal(virtio_process(&v, 0), 1);
	assert_int_equal(virtio_process(&v, 22), 1);
	assert_int_equal(requests, QSIZE);
	assert_int_equal(virtio_process(&v, 22), 0);
	assert_int_equal(requests, QSIZE);
}

static void
indexes_wrap_at_65536(void **state)
{
	uint32_t	 i, id, len;

	(void)state;
	for (i = 0; i < 70000; i++) {
		fg_desc(&fg, i % QSIZE, FG_BUF, 8, W, 0);
		fg_submit(&fg, &v, i % QSIZE);
		assert_int_equal(fg_used(&fg, &id, &len), 1);
		assert_int_equal(id, i % QSIZE);
	}
	assert_int_equal(requests, 70000);
	assert_int_equal(fg_status(&fg) & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
}

static void
interrupts_can_be_declined(void **state)
{
	(void)state;
	fg_desc(&fg, 0, FG_BUF, 8, W, 0);
	guestmem_store16(&fg.gm, FG_AVAIL, VRING_AVAIL_F_NO_INTERRUPT);
	fg_submit(&fg, &v, 0);
	assert_int_equal(requests, 1);
	assert_int_equal(fg.irq[3], 0);
	guestmem_store16(&fg.gm, FG_AVAIL, 0);
	fg_submit(&fg, &v, 0);
	assert_int_equal(fg.irq[3], 1);
}

static void
a_batch_makes_one_interrupt_and_nothing_done_makes_none(void **state)
{
	(void)state;
	fg_desc(&fg, 0, FG_BUF, 8, W, 0);
	fg_avail(&fg, 0);
	fg_avail(&fg, 0);
	fg_submit(&fg, &v, 0);
	assert_int_equal(requests, 3);
	assert_int_equal(fg.irq_rises, 1);
	fg_isr(&fg);
	fg_notify(&fg, 0);
	virtio_process(&v, 16);
	assert_int_equal(fg.irq_rises, 1);
}

static void
notifications_are_declined_while_working(void **state)
{
	uint16_t	 flags;

	(void)state;
	fg_desc(&fg, 0, FG_BUF, 8, W, 0);
	fg_avail(&fg, 0);
	fg_avail(&fg, 0);
	fg_notify(&fg, 0);
	virtio_process(&v, 1);
	guestmem_load16(&fg.gm, FG_USED, &flags);
	assert_int_equal(flags, VRING_USED_F_NO_NOTIFY);
	while (virtio_process(&v, 16))
		continue;
	guestmem_load16(&fg.gm, FG_USED, &flags);
	assert_int_equal(flags, 0);
}

static void
event_indexes_choose_interrupts_and_notifications(void **state)
{
	uint64_t	 used_event = FG_AVAIL + 4 + 2 * QSIZE;
	uint64_t	 avail_event = FG_USED + 4 + 8 * QSIZE;
	uint16_t	 idx;

	(void)state;
	fg_start(&fg, F_EVENT_IDX, QSIZE);
	fg_desc(&fg, 0, FG_BUF, 8, W, 0);
	/* An interrupt when the used index passes 2. */
	guestmem_store16(&fg.gm, used_event, 2);
	fg_submit(&fg, &v, 0);
	fg_submit(&fg, &v, 0);
	assert_int_equal(fg.irq_rises, 0);
	guestmem_load16(&fg.gm, avail_event, &idx);
	assert_int_equal(idx, 2);
	fg_submit(&fg, &v, 0);
	assert_int_equal(fg.irq_rises, 1);
	guestmem_load16(&fg.gm, avail_event, &idx);
	assert_int_equal(idx, 3);
	/* The flags are not used then. */
	guestmem_store16(&fg.gm, FG_AVAIL, VRING_AVAIL_F_NO_INTERRUPT);
	guestmem_store16(&fg.gm, used_event, 3);
	fg_isr(&fg);
	fg_submit(&fg, &v, 0);
	assert_int_equal(fg.irq_rises, 2);
	guestmem_load16(&fg.gm, FG_USED, &idx);
	assert_int_equal(idx, 0);
}

static void
buffers_that_come_during_rearm_are_not_lost(void **state)
{
	struct virtqueue	 vq;
	struct virtq_chain	 vc;

	(void)state;
	virtqueue_init(&vq, QSIZE);
	vq.vq_addr[VIRTQ_DESC] = FG_DESC;
	vq.vq_addr[VIRTQ_AVAIL] = FG_AVAIL;
	vq.vq_addr[VIRTQ_USED] = FG_USED;
	assert_int_equal(virtqueue_enable(&vq, &fg.gm, F_EVENT_IDX), 0);
	assert_int_equal(virtqueue_pop(&vq, &fg.gm, &vc), 0);
	fg_desc(&fg, 0, FG_BUF, 8, W, 0);
	fg_avail(&fg, 0);
	assert_int_equal(virtqueue_rearm(&vq, &fg.gm), 1);
	assert_int_equal(virtqueue_pop(&vq, &fg.gm, &vc), 1);
	assert_int_equal(virtqueue_rearm(&vq, &fg.gm), 0);
}

static void
slices_and_copies_end_with_the_chain(void **state)
{
	struct virtq_chain	 vc = { .vc_nout = 2, .vc_nin = 1,
	    .vc_out_len = 12, .vc_in_len = 4, .vc_vec = {
	    { FG_BUF, 8 }, { FG_BUF + 16, 4 }, { FG_BUF + 32, 4 } } };
	struct guestmem_vec	 vec[2];
	uint8_t			 buf[16] = "0123456789abcdef";

	(void)state;
	assert_int_equal(virtq_slice(vc.vc_vec, 2, 6, 4, vec), 2);
	assert_true(vec[0].gv_gpa == FG_BUF + 6 && vec[0].gv_len == 2);
	assert_true(vec[1].gv_gpa == FG_BUF + 16 && vec[1].gv_len == 2);
	assert_int_equal(virtq_slice(vc.vc_vec, 2, 8, 4, vec), 1);
	assert_int_equal(virtq_slice(vc.vc_vec, 2, 12, 0, vec), 0);
	assert_int_equal(virtq_chain_read(&vc, &fg.gm, 0, buf, 13), -1);
	assert_int_equal(virtq_chain_read(&vc, &fg.gm, 13, buf, 0), -1);
	assert_int_equal(virtq_chain_read(&vc, &fg.gm, UINT64_MAX, buf, 2),
	    -1);
	assert_int_equal(virtq_chain_write(&vc, &fg.gm, 2, buf, 3), -1);
	assert_int_equal(virtq_chain_write(&vc, &fg.gm, 2, buf, 2), 0);
	assert_int_equal(fg.ram[FG_LOW + 34], '0');
	assert_int_equal(fg.ram[FG_LOW + 36], 0);
}

/* Another VCPU rewrites the descriptors while they are looked at. */
static atomic_int	 flipping;

static void *
flip(void *arg)
{
	static const struct vring_desc	 kinds[] = {
		{ FG_BUF, 16, NEXT, 1 },
		{ FG_HOLE, 16, W, 1 },
		{ FG_BUF + 64, UINT32_MAX, W | NEXT, 0xffff },
		{ FG_TABLE, 32, IND, 0 },
		{ UINT64_MAX - 3, 8, W, 2 },
	};
	struct vring_desc		*d = arg;
	unsigned int			 i = 0;

	while (atomic_load_explicit(&flipping, memory_order_relaxed)) {
		const struct vring_desc *k = &kinds[i++ % 5];

		__atomic_store_n(&d->addr, k->addr, __ATOMIC_RELAXED);
		__atomic_store_n(&d->len, k->len, __ATOMIC_RELAXED);
		__atomic_store_n(&d->flags, k->flags, __ATOMIC_RELAXED);
		__atomic_store_n(&d->next, k->next, __ATOMIC_RELAXED);
	}
	return (NULL);
}

static void
descriptors_that_change_under_us_are_judged_as_copied(void **state)
{
	pthread_t	 t;
	uint64_t	 i;
	unsigned int	 n;

	(void)state;
	atomic_store(&flipping, 1);
	assert_int_equal(pthread_create(&t, NULL, flip, fg.ram + FG_DESC), 0);
	for (i = 0; i < 20000; i++) {
		if (fg_status(&fg) & VIRTIO_CONFIG_S_NEEDS_RESET)
			fg_start(&fg, F_INDIRECT, QSIZE);
		fg_desc(&fg, 1, FG_BUF + 32, 8, W, 0);
		requests = 0;
		fg_submit(&fg, &v, 0);
		/* What got through is in RAM, whatever is there by now. */
		for (n = 0; requests && n < last.vc_nout + last.vc_nin; n++)
			assert_true(guestmem_contains(&fg.gm,
			    last.vc_vec[n].gv_gpa, last.vc_vec[n].gv_len));
	}
	atomic_store(&flipping, 0);
	pthread_join(t, NULL);
}

#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(a_chain_is_handed_over_in_order),
		TEST(loops_are_refused),
		TEST(a_loop_in_an_indirect_table_is_refused),
		TEST(indexes_out_of_range_are_refused),
		TEST(a_head_out_of_range_is_refused),
		TEST(an_available_index_too_far_ahead_is_refused),
		TEST(empty_descriptors_are_refused),
		TEST(buffers_outside_ram_are_refused),
		TEST(readable_after_writable_is_refused),
		TEST(an_indirect_table_serves_like_descriptors),
		TEST(a_chain_longer_than_the_queue_is_refused),
		TEST(bad_indirect_tables_are_refused),
		TEST(indirect_in_indirect_is_refused),
		TEST(indirect_ends_the_chain_and_needs_the_feature),
		TEST(a_request_the_device_cannot_read_needs_a_reset),
		TEST(the_budget_bounds_the_work),
		TEST(indexes_wrap_at_65536),
		TEST(interrupts_can_be_declined),
		TEST(a_batch_makes_one_interrupt_and_nothing_done_makes_none),
		TEST(notifications_are_declined_while_working),
		TEST(event_indexes_choose_interrupts_and_notifications),
		TEST(buffers_that_come_during_rearm_are_not_lost),
		TEST(slices_and_copies_end_with_the_chain),
		TEST(descriptors_that_change_under_us_are_judged_as_copied),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
