/* SPDX-License-Identifier: ISC */
/*
 * Promises of the virtio transport: registers, status and features.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <linux/pci_regs.h>

#include <cmocka.h>

#include "fakeguest.h"

#define READY	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | \
		VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)
#define QSIZE	32
#define NQUEUES	VIRTIO_MAX_QUEUES

static struct fakeguest	 fg;
static struct virtio	 v;
static unsigned int	 requests, resets;
static const char	 config[] = "abcdefghij";

static int
test_request(void *dev, unsigned int q, const struct virtq_chain *vc,
    uint32_t *len)
{
	assert_ptr_equal(dev, &fg);
	assert_in_range(q, 0, NQUEUES - 1);
	*len = vc->vc_in_len;
	requests++;
	return (0);
}

static void
test_reset(void *dev)
{
	(void)dev;
	resets++;
}

static const struct virtio_class	 test_class = {
	.vc_name = "test",
	.vc_type = 9,
	.vc_pci_class = 0x010000,
	.vc_nqueues = NQUEUES,
	.vc_queue_size = QSIZE,
	.vc_request = test_request,
	.vc_reset = test_reset,
};

static int
setup(void **state)
{
	(void)state;
	fg_init(&fg);
	requests = resets = 0;
	return (virtio_init(&v, &test_class, &fg, &fg.env, 1ULL << 5, config,
	    sizeof(config) - 1));
}

static int
teardown(void **state)
{
	(void)state;
	fg_free(&fg);
	return (0);
}

/* The capability of a type, as a driver searches it; 0 if there is none. */
static unsigned int
find_cap(uint8_t type)
{
	unsigned int	 cap = fg_conf_in(&fg, 1, PCI_CAPABILITY_LIST, 1);

	for (; cap != 0; cap = fg_conf_in(&fg, 1, cap + 1, 1))
		if (fg_conf_in(&fg, 1, cap, 1) == PCI_CAP_ID_VNDR &&
		    fg_conf_in(&fg, 1, cap + 3, 1) == type)
			return (cap);
	return (0);
}

static void
ids_are_those_of_a_modern_device(void **state)
{
	(void)state;
	assert_int_equal(fg_conf_in(&fg, 1, PCI_VENDOR_ID, 4), 0x10491af4);
	assert_int_equal(fg_conf_in(&fg, 1, PCI_REVISION_ID, 1), 1);
	assert_int_equal(fg_conf_in(&fg, 1, PCI_SUBSYSTEM_VENDOR_ID, 2),
	    0x0b5d);
	assert_int_equal(fg_conf_in(&fg, 1, PCI_INTERRUPT_PIN, 1), 1);
}

static void
capabilities_lead_to_the_structures(void **state)
{
	static const struct {
		uint8_t		 type, len;
		uint32_t	 off, size;
	} want[] = {
		{ VIRTIO_PCI_CAP_COMMON_CFG, 16, 0x000, 56 },
		{ VIRTIO_PCI_CAP_NOTIFY_CFG, 20, 0x100, 4 },
		{ VIRTIO_PCI_CAP_ISR_CFG, 16, 0x200, 1 },
		{ VIRTIO_PCI_CAP_DEVICE_CFG, 16, 0x300, 10 },
		{ VIRTIO_PCI_CAP_PCI_CFG, 20, 0, 0 },
	};
	size_t		 i;
	unsigned int	 cap;

	(void)state;
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		cap = find_cap(want[i].type);
		assert_int_not_equal(cap, 0);
		assert_int_equal(fg_conf_in(&fg, 1, cap + 2, 1), want[i].len);
		assert_int_equal(fg_conf_in(&fg, 1, cap + 4, 4), 0);
		assert_int_equal(fg_conf_in(&fg, 1, cap + 8, 4), want[i].off);
		assert_int_equal(fg_conf_in(&fg, 1, cap + 12, 4),
		    want[i].size);
	}
	/* The notify multiplier. */
	cap = find_cap(VIRTIO_PCI_CAP_NOTIFY_CFG);
	assert_int_equal(fg_conf_in(&fg, 1, cap + 16, 4), 0);
}

static void
a_device_without_configuration_has_no_capability_for_it(void **state)
{
	(void)state;
	fg_free(&fg);
	fg_init(&fg);
	assert_int_equal(virtio_init(&v, &test_class, &fg, &fg.env, 0, NULL,
	    0), 0);
	assert_int_equal(find_cap(VIRTIO_PCI_CAP_DEVICE_CFG), 0);
	assert_int_not_equal(find_cap(VIRTIO_PCI_CAP_PCI_CFG), 0);
	assert_int_equal(fg_in(&fg, VIRTIO_IO_DEVICE, 4), 0xffffffff);
}

static void
a_driver_gets_through_the_handshake(void **state)
{
	(void)state;
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_NUMQ, 2), NQUEUES);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_SIZE, 2), QSIZE);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_NOFF, 2), 0);
	assert_true(fg_offered(&fg) == (1ULL << VIRTIO_F_VERSION_1 |
	    1ULL << VIRTIO_RING_F_EVENT_IDX |
	    1ULL << VIRTIO_RING_F_INDIRECT_DESC | 1ULL << 5));
	fg_start(&fg, 1ULL << 5, QSIZE);
	assert_int_equal(fg_status(&fg), READY);
	assert_true(virtio_has_feature(&v, 5));
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_USEDLO, 4), FG_USED);
	fg_desc(&fg, 0, FG_BUF, 10, VRING_DESC_F_WRITE, 0);
	fg_submit(&fg, &v, 0);
	assert_int_equal(requests, 1);
	assert_int_equal(fg.irq[3], 1);
	assert_int_equal(fg_isr(&fg), 1);
	assert_int_equal(fg.irq[3], 0);
	assert_int_equal(fg_isr(&fg), 0);
	assert_int_equal(v.v_stats.vs_bad_access + v.v_stats.vs_bad_write +
	    v.v_stats.vs_bad_notify, 0);
}

static void
features_need_version_1_and_be_offered(void **state)
{
	(void)state;
	fg_negotiate(&fg, 0);
	assert_true(fg_status(&fg) & VIRTIO_CONFIG_S_FEATURES_OK);
	fg_negotiate(&fg, 1ULL << 6);
	assert_false(fg_status(&fg) & VIRTIO_CONFIG_S_FEATURES_OK);
	/* The driver may try again with less. */
	fg_accept(&fg, 1ULL << VIRTIO_F_VERSION_1);
	fg_set_status(&fg, VIRTIO_CONFIG_S_FEATURES_OK);
	assert_true(fg_status(&fg) & VIRTIO_CONFIG_S_FEATURES_OK);

	fg_out(&fg, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	fg_accept(&fg, 1ULL << 5);
	fg_set_status(&fg, VIRTIO_CONFIG_S_FEATURES_OK);
	assert_false(fg_status(&fg) & VIRTIO_CONFIG_S_FEATURES_OK);
}

static void
features_stand_once_accepted(void **state)
{
	(void)state;
	fg_negotiate(&fg, 1ULL << 5);
	fg_accept(&fg, ~0ULL);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_GF, 4), 1);
	assert_false(virtio_has_feature(&v, 6));
	assert_int_equal(v.v_stats.vs_bad_write, 2);
}

static void
feature_words_beyond_64_bits_are_empty(void **state)
{
	static const uint32_t	 sel[] = { 2, 31, 32, 0x80000000, 0xffffffff };
	size_t			 i;

	(void)state;
	for (i = 0; i < sizeof(sel) / sizeof(sel[0]); i++) {
		fg_out(&fg, VIRTIO_PCI_COMMON_DFSELECT, 4, sel[i]);
		fg_out(&fg, VIRTIO_PCI_COMMON_GFSELECT, 4, sel[i]);
		fg_out(&fg, VIRTIO_PCI_COMMON_GF, 4, 0xffffffff);
		assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_DF, 4), 0);
		assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_GF, 4), 0);
	}
	assert_true(v.v_accepted == 0);
}

static void
driver_ok_needs_features_ok(void **state)
{
	(void)state;
	fg_set_status(&fg, VIRTIO_CONFIG_S_ACKNOWLEDGE |
	    VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK);
	assert_int_equal(fg_status(&fg), VIRTIO_CONFIG_S_ACKNOWLEDGE |
	    VIRTIO_CONFIG_S_DRIVER);
}

static void
status_bits_are_only_added_and_only_the_drivers(void **state)
{
	(void)state;
	fg_start(&fg, 0, QSIZE);
	fg_out(&fg, VIRTIO_PCI_COMMON_STATUS, 1, 1);
	assert_int_equal(fg_status(&fg), READY);
	fg_out(&fg, VIRTIO_PCI_COMMON_STATUS, 1, 0xff);
	assert_int_equal(fg_status(&fg), READY | VIRTIO_CONFIG_S_FAILED);
}

static void
a_queue_takes_only_sizes_it_can_have(void **state)
{
	static const uint16_t	 bad[] = { 0, 3, 33, 64, 0x8000, 0xffff };
	size_t			 i;

	(void)state;
	fg_negotiate(&fg, 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fg_out(&fg, VIRTIO_PCI_COMMON_Q_SIZE, 2, bad[i]);
		assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_SIZE, 2),
		    QSIZE);
	}
	fg_out(&fg, VIRTIO_PCI_COMMON_Q_SIZE, 2, 1);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_SIZE, 2), 1);
}

static void
queues_that_do_not_exist_are_empty(void **state)
{
	static const uint16_t	 sel[] = { NQUEUES, NQUEUES + 1, 0x7fff,
	    0x8000, 0xffff };
	size_t			 i;
	uint16_t		 reg;

	(void)state;
	fg_negotiate(&fg, 0);
	for (i = 0; i < sizeof(sel) / sizeof(sel[0]); i++) {
		fg_queue(&fg, sel[i], 8);
		assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_SELECT, 2),
		    sel[i]);
		assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_SIZE, 2), 0);
		assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
		for (reg = VIRTIO_PCI_COMMON_Q_DESCLO;
		    reg <= VIRTIO_PCI_COMMON_Q_USEDHI; reg += 4)
			assert_int_equal(fg_in(&fg, reg, 4), 0);
	}
}

static void
a_running_queue_does_not_move(void **state)
{
	(void)state;
	fg_start(&fg, 0, 16);
	fg_area(&fg, VIRTIO_PCI_COMMON_Q_DESCLO, FG_HOLE);
	fg_out(&fg, VIRTIO_PCI_COMMON_Q_SIZE, 2, 32);
	fg_out(&fg, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 0);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_DESCLO, 4), FG_DESC);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_SIZE, 2), 16);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
}

static void
a_queue_waits_for_the_features(void **state)
{
	(void)state;
	fg_queue(&fg, 0, QSIZE);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
}

static void
rings_must_be_aligned_and_in_ram(void **state)
{
	static const struct {
		uint16_t	 reg;
		uint64_t	 gpa;
	} bad[] = {
		{ VIRTIO_PCI_COMMON_Q_DESCLO, FG_DESC + 8 },
		{ VIRTIO_PCI_COMMON_Q_AVAILLO, FG_AVAIL + 1 },
		{ VIRTIO_PCI_COMMON_Q_USEDLO, FG_USED + 2 },
		{ VIRTIO_PCI_COMMON_Q_DESCLO, FG_HOLE },
		{ VIRTIO_PCI_COMMON_Q_DESCLO, FG_LOW - 16 },
		{ VIRTIO_PCI_COMMON_Q_AVAILLO, FG_LOW - 4 },
		{ VIRTIO_PCI_COMMON_Q_USEDLO, FG_LOW - 4 },
		{ VIRTIO_PCI_COMMON_Q_DESCLO, -16ULL },
		{ VIRTIO_PCI_COMMON_Q_USEDLO, 1ULL << 63 },
	};
	size_t	 i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fg_negotiate(&fg, 0);
		fg_area(&fg, VIRTIO_PCI_COMMON_Q_DESCLO, FG_DESC);
		fg_area(&fg, VIRTIO_PCI_COMMON_Q_AVAILLO, FG_AVAIL);
		fg_area(&fg, VIRTIO_PCI_COMMON_Q_USEDLO, FG_USED);
		fg_area(&fg, bad[i].reg, bad[i].gpa);
		fg_out(&fg, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
		assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
		assert_true(fg_status(&fg) & VIRTIO_CONFIG_S_NEEDS_RESET);
	}
	fg_start(&fg, 0, QSIZE);
	assert_int_equal(fg_status(&fg), READY);
}

static void
only_running_queues_are_notified(void **state)
{
	uint32_t	 q;

	(void)state;
	fg_notify(&fg, 0);
	fg_negotiate(&fg, 0);
	fg_queue(&fg, 0, QSIZE);
	fg_notify(&fg, 0);
	assert_int_equal(v.v_stats.vs_bad_notify, 2);
	fg_set_status(&fg, VIRTIO_CONFIG_S_DRIVER_OK);
	while (virtio_process(&v, 1))
		continue;
	fg.kicks = 0;
	v.v_stats.vs_bad_notify = 0;
	/* Every id: only queue 0 runs. */
	for (q = 0; q < 0x10000; q++)
		fg_notify(&fg, q);
	assert_int_equal(fg.kicks, 1);
	assert_int_equal(v.v_pending, 1);
	assert_int_equal(v.v_stats.vs_bad_notify, 0xffff);
}

static void
a_notification_only_marks_the_queue(void **state)
{
	(void)state;
	fg_start(&fg, 0, QSIZE);
	fg_desc(&fg, 0, FG_BUF, 10, VRING_DESC_F_WRITE, 0);
	fg_avail(&fg, 0);
	fg_notify(&fg, 0);
	assert_int_equal(requests, 0);
	assert_int_equal(virtio_process(&v, 16), 0);
	assert_int_equal(requests, 1);
	assert_int_equal(virtio_process(&v, 16), 0);
	assert_int_equal(requests, 1);
}

static void
buffers_made_available_before_driver_ok_are_served(void **state)
{
	(void)state;
	fg_negotiate(&fg, 0);
	fg_queue(&fg, 0, QSIZE);
	fg_desc(&fg, 0, FG_BUF, 10, VRING_DESC_F_WRITE, 0);
	fg_avail(&fg, 0);
	assert_int_equal(virtio_process(&v, 16), 0);
	assert_int_equal(requests, 0);
	fg_set_status(&fg, VIRTIO_CONFIG_S_DRIVER_OK);
	assert_true(fg.kicks > 0);
	virtio_process(&v, 16);
	assert_int_equal(requests, 1);
}

/* Everything that a driver can see, after a reset at each step. */
static void
assert_pristine(void)
{
	uint16_t	 reg;

	assert_int_equal(fg_status(&fg), 0);
	assert_int_equal(fg_isr(&fg), 0);
	assert_int_equal(fg.irq[3], 0);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_SELECT, 2), 0);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_SIZE, 2), QSIZE);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	for (reg = VIRTIO_PCI_COMMON_Q_DESCLO;
	    reg <= VIRTIO_PCI_COMMON_Q_USEDHI; reg += 4)
		assert_int_equal(fg_in(&fg, reg, 4), 0);
	assert_true(v.v_accepted == 0);
	assert_int_equal(v.v_pending, 0);
	assert_int_equal(virtio_process(&v, 16), 0);
}

static void
reset_at_every_step_leaves_nothing_behind(void **state)
{
	int	 step;

	(void)state;
	for (step = 0; step < 6; step++) {
		fg_set_status(&fg, VIRTIO_CONFIG_S_ACKNOWLEDGE);
		if (step > 0)
			fg_negotiate(&fg, 1ULL << 5);
		if (step > 1)
			fg_queue(&fg, 0, 8);
		if (step > 2)
			fg_set_status(&fg, VIRTIO_CONFIG_S_DRIVER_OK);
		if (step > 3) {
			fg_desc(&fg, 0, FG_BUF, 4, VRING_DESC_F_WRITE, 0);
			fg_avail(&fg, 0);
			fg_notify(&fg, 0);
		}
		if (step > 4)
			virtio_process(&v, 16);
		requests = resets = 0;
		fg_out(&fg, VIRTIO_PCI_COMMON_STATUS, 1, 0);
		assert_int_equal(resets, 1);
		assert_pristine();
		assert_int_equal(requests, 0);
	}
	fg_start(&fg, 0, QSIZE);
	fg_desc(&fg, 0, FG_BUF, 4, VRING_DESC_F_WRITE, 0);
	fg_submit(&fg, &v, 0);
	assert_int_equal(requests, 1);
}

static void
configuration_reads_at_any_width_and_ends_where_it_ends(void **state)
{
	uint64_t	 bad;

	(void)state;
	assert_int_equal(fg_in(&fg, VIRTIO_IO_DEVICE, 1), 'a');
	assert_int_equal(fg_in(&fg, VIRTIO_IO_DEVICE + 1, 2), 'b' | 'c' << 8);
	assert_int_equal(fg_in(&fg, VIRTIO_IO_DEVICE + 4, 4), 0x68676665);
	bad = v.v_stats.vs_bad_access;
	assert_int_equal(fg_in(&fg, VIRTIO_IO_DEVICE + 8, 4), 0xffffffff);
	assert_int_equal(fg_in(&fg, VIRTIO_IO_DEVICE + 10, 1), 0xff);
	fg_out(&fg, VIRTIO_IO_DEVICE, 1, 'z');
	assert_int_equal(fg_in(&fg, VIRTIO_IO_DEVICE, 1), 'a');
	assert_int_equal(v.v_stats.vs_bad_access, bad + 3);
}

static void
a_change_of_configuration_is_announced(void **state)
{
	uint8_t	 gen = fg_in(&fg, VIRTIO_PCI_COMMON_CFGGENERATION, 1);

	(void)state;
	virtio_config_changed(&v);
	assert_int_equal(fg.irq[3], 0);
	fg_start(&fg, 0, QSIZE);
	virtio_config_changed(&v);
	assert_int_equal(fg.irq[3], 1);
	assert_int_equal(fg_isr(&fg), VIRTIO_PCI_ISR_CONFIG);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_CFGGENERATION, 1),
	    (uint8_t)(gen + 2));
}

static void
odd_accesses_have_no_effect(void **state)
{
	static const unsigned int	 widths[] = { 1, 2, 4 };
	struct virtio			 before;
	uint32_t			 off;
	size_t				 i;

	(void)state;
	fg_start(&fg, 0, QSIZE);
	while (virtio_process(&v, 16))
		continue;
	before = v;
	/* Bytes and words into dword registers, dwords across registers. */
	fg_out(&fg, VIRTIO_PCI_COMMON_DFSELECT, 1, 1);
	fg_out(&fg, VIRTIO_PCI_COMMON_GFSELECT + 2, 2, 1);
	fg_out(&fg, VIRTIO_PCI_COMMON_STATUS, 4, 0);
	fg_out(&fg, VIRTIO_PCI_COMMON_STATUS, 2, 0);
	fg_out(&fg, VIRTIO_PCI_COMMON_NUMQ, 2, 0);
	fg_out(&fg, VIRTIO_PCI_COMMON_Q_DESCLO, 2, 0);
	fg_out(&fg, VIRTIO_PCI_COMMON_MSIX, 2, 0);
	fg_out(&fg, VIRTIO_IO_NOTIFY, 1, 0);
	fg_out(&fg, VIRTIO_IO_NOTIFY, 4, 0);
	fg_out(&fg, VIRTIO_IO_ISR, 1, 0);
	assert_int_equal(v.v_stats.vs_bad_access, 9);
	assert_int_equal(v.v_stats.vs_bad_write, 1);
	assert_int_equal(fg_in(&fg, VIRTIO_PCI_COMMON_MSIX, 2), 0xffff);
	/* Reads anywhere do nothing but return. */
	for (off = 0; off < PCI_IO_BAR_SIZE; off++)
		for (i = 0; i < 3; i++)
			fg_in(&fg, off, widths[i]);
	v.v_stats = before.v_stats;
	assert_memory_equal(&v, &before, sizeof(v));
}

static void
registers_read_the_same_in_pieces(void **state)
{
	uint32_t	 off, dword;
	unsigned int	 i;

	(void)state;
	fg_start(&fg, 1ULL << 5, QSIZE);
	for (off = 0; off < 56; off += 4) {
		dword = fg_in(&fg, off, 4);
		for (i = 0; i < 4; i++)
			assert_int_equal(fg_in(&fg, off + i, 1),
			    dword >> (8 * i) & 0xff);
	}
}

static void
the_bar_is_reached_through_configuration_space(void **state)
{
	unsigned int	 cap = find_cap(VIRTIO_PCI_CAP_PCI_CFG);

	(void)state;
	/* Not set up: nothing happens. */
	assert_int_equal(fg_conf_in(&fg, 1, cap + 16, 4), 0);
	fg_conf_out(&fg, 1, cap + 8, 4, VIRTIO_IO_DEVICE);
	fg_conf_out(&fg, 1, cap + 12, 4, 2);
	assert_int_equal(fg_conf_in(&fg, 1, cap + 16, 2), 'a' | 'b' << 8);
	fg_conf_out(&fg, 1, cap + 8, 4, VIRTIO_PCI_COMMON_STATUS);
	fg_conf_out(&fg, 1, cap + 12, 4, 1);
	fg_conf_out(&fg, 1, cap + 16, 1, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	assert_int_equal(fg_status(&fg), VIRTIO_CONFIG_S_ACKNOWLEDGE);
	/* Wrong BAR, wrong length, beyond the end. */
	fg_conf_out(&fg, 1, cap + 4, 1, 1);
	fg_conf_out(&fg, 1, cap + 16, 1, VIRTIO_CONFIG_S_DRIVER);
	fg_conf_out(&fg, 1, cap + 4, 1, 0);
	fg_conf_out(&fg, 1, cap + 12, 4, 3);
	fg_conf_out(&fg, 1, cap + 16, 1, VIRTIO_CONFIG_S_DRIVER);
	fg_conf_out(&fg, 1, cap + 12, 4, 0xffffffff);
	fg_conf_out(&fg, 1, cap + 16, 1, VIRTIO_CONFIG_S_DRIVER);
	fg_conf_out(&fg, 1, cap + 12, 4, 4);
	fg_conf_out(&fg, 1, cap + 8, 4, 0xfffffffc);
	fg_conf_out(&fg, 1, cap + 16, 4, VIRTIO_CONFIG_S_DRIVER);
	assert_int_equal(fg_status(&fg), VIRTIO_CONFIG_S_ACKNOWLEDGE);
	/* Nothing but its own fields can be written. */
	fg_conf_out(&fg, 1, cap, 4, 0);
	assert_int_equal(fg_conf_in(&fg, 1, cap + 3, 1),
	    VIRTIO_PCI_CAP_PCI_CFG);
}

static void
every_register_survives_extreme_values(void **state)
{
	static const uint32_t	 vals[] = { 0, 1, 0x7fff, 0x8000, 0xffff,
	    0x10000, 0x7fffffff, 0x80000000, 0xffffffff };
	unsigned int		 size;
	size_t			 i;
	uint32_t		 off;

	(void)state;
	for (size = 1; size <= 4; size *= 2)
		for (off = 0; off < PCI_IO_BAR_SIZE; off++)
			for (i = 0; i < sizeof(vals) / sizeof(vals[0]); i++) {
				fg_out(&fg, off, size, vals[i]);
				fg_in(&fg, off, size);
				virtio_process(&v, 4);
			}
	fg_start(&fg, 0, QSIZE);
	assert_int_equal(fg_status(&fg), READY);
}

#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(ids_are_those_of_a_modern_device),
		TEST(capabilities_lead_to_the_structures),
		TEST(a_device_without_configuration_has_no_capability_for_it),
		TEST(a_driver_gets_through_the_handshake),
		TEST(features_need_version_1_and_be_offered),
		TEST(features_stand_once_accepted),
		TEST(feature_words_beyond_64_bits_are_empty),
		TEST(driver_ok_needs_features_ok),
		TEST(status_bits_are_only_added_and_only_the_drivers),
		TEST(a_queue_takes_only_sizes_it_can_have),
		TEST(queues_that_do_not_exist_are_empty),
		TEST(a_running_queue_does_not_move),
		TEST(a_queue_waits_for_the_features),
		TEST(rings_must_be_aligned_and_in_ram),
		TEST(only_running_queues_are_notified),
		TEST(a_notification_only_marks_the_queue),
		TEST(buffers_made_available_before_driver_ok_are_served),
		TEST(reset_at_every_step_leaves_nothing_behind),
		TEST(configuration_reads_at_any_width_and_ends_where_it_ends),
		TEST(a_change_of_configuration_is_announced),
		TEST(odd_accesses_have_no_effect),
		TEST(registers_read_the_same_in_pieces),
		TEST(the_bar_is_reached_through_configuration_space),
		TEST(every_register_survives_extreme_values),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
