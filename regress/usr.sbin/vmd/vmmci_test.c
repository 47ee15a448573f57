/* SPDX-License-Identifier: ISC */
/*
 * Promises of the VMM control interface.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fakeguest.h"
#include "vmmci.h"

#define FEATURES	0
#define GUEST_FEATURES	4
#define QUEUE_ADDRESS	8
#define QUEUE_SIZE	12
#define QUEUE_SELECT	14
#define STATUS		18
#define ISR		19
#define COMMAND		20
#define TIME_SEC	24
#define TIME_USEC	32
#define ALL		(VMMCI_F_TIMESYNC | VMMCI_F_ACK | VMMCI_F_SYNCRTC)

static struct fakeguest	 fg;
static struct vmmci	 vc;
static int		 acked, acks;
static uint64_t		 sec, usec;

static void
test_ack(void *arg, enum vmmci_cmd cmd)
{
	assert_ptr_equal(arg, &fg);
	acked = cmd;
	acks++;
}

static void
test_time(void *arg, uint64_t *s, uint64_t *us)
{
	(void)arg;
	*s = sec;
	*us = usec;
	/* Time goes on: two looks never see the same. */
	sec++;
	usec += 7;
}

static const struct vmmci_ops	 test_ops = {
	.ack = test_ack,
	.time = test_time,
};

static int
setup(void **state)
{
	(void)state;
	fg_init(&fg);
	acked = acks = 0;
	sec = 0x1234567890ULL;
	usec = 999;
	return (vmmci_init(&vc, &fg.pci, &test_ops, &fg));
}

static int
teardown(void **state)
{
	(void)state;
	fg_free(&fg);
	return (0);
}

/* What vmmci(4) does when it attaches. */
static void
attach(uint32_t features)
{
	fg_out(&fg, STATUS, 1, 0);
	fg_out(&fg, STATUS, 1, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	fg_out(&fg, STATUS, 1, VIRTIO_CONFIG_S_ACKNOWLEDGE |
	    VIRTIO_CONFIG_S_DRIVER);
	fg_out(&fg, GUEST_FEATURES, 4, fg_in(&fg, FEATURES, 4) & features);
	fg_out(&fg, STATUS, 1, VIRTIO_CONFIG_S_ACKNOWLEDGE |
	    VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK);
}

static void
the_device_says_what_it_is(void **state)
{
	(void)state;
	assert_int_equal(fg_conf_in(&fg, 1, 0, 4), 0x07770b5d);
	assert_int_equal(fg_conf_in(&fg, 1, 8, 4), 0x07800000);
	assert_int_equal(fg_conf_in(&fg, 1, 0x2c, 4), 0xffff0b5d);
	assert_int_equal(fg_in(&fg, FEATURES, 4), ALL);
	assert_int_equal(fg_in(&fg, QUEUE_SIZE, 2), 0);
	assert_int_equal(fg_in(&fg, QUEUE_ADDRESS, 4), 0);
}

static void
without_a_driver_there_is_nobody_to_ask(void **state)
{
	(void)state;
	assert_int_equal(vmmci_ctl(&vc, VMMCI_SHUTDOWN), 0);
	fg_out(&fg, STATUS, 1, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	assert_int_equal(vmmci_ctl(&vc, VMMCI_SHUTDOWN), 0);
	assert_int_equal(fg.irq[3], 0);
	assert_int_equal(fg_in(&fg, COMMAND, 4), VMMCI_NONE);
}

static void
a_command_interrupts_and_is_acknowledged(void **state)
{
	enum vmmci_cmd	 cmd;

	(void)state;
	attach(ALL);
	for (cmd = VMMCI_SHUTDOWN; cmd <= VMMCI_SYNCRTC; cmd++) {
		assert_int_equal(vmmci_ctl(&vc, cmd), 1);
		assert_int_equal(fg.irq[3], 1);
		assert_int_equal(fg_in(&fg, ISR, 1), VIRTIO_PCI_ISR_CONFIG);
		assert_int_equal(fg.irq[3], 0);
		assert_int_equal(fg_in(&fg, ISR, 1), 0);
		assert_int_equal(fg_in(&fg, COMMAND, 4), cmd);
		fg_out(&fg, COMMAND, 4, cmd);
		assert_int_equal(acked, cmd);
		assert_int_equal(fg_in(&fg, COMMAND, 4), VMMCI_NONE);
	}
	assert_int_equal(acks, 3);
}

static void
a_guest_may_say_that_it_goes_down(void **state)
{
	(void)state;
	attach(ALL);
	fg_out(&fg, COMMAND, 4, VMMCI_SHUTDOWN);
	assert_int_equal(acked, VMMCI_SHUTDOWN);
}

static void
the_clock_command_needs_its_feature(void **state)
{
	(void)state;
	attach(VMMCI_F_ACK);
	assert_int_equal(vmmci_ctl(&vc, VMMCI_SYNCRTC), 0);
	assert_int_equal(vmmci_ctl(&vc, VMMCI_REBOOT), 1);
}

static void
time_does_not_move_between_its_halves(void **state)
{
	(void)state;
	attach(ALL);
	/* High half first, as vmmci(4) does. */
	assert_int_equal(fg_in(&fg, TIME_SEC + 4, 4), 0x12);
	assert_int_equal(fg_in(&fg, TIME_SEC, 4), 0x34567891);
	assert_int_equal(fg_in(&fg, TIME_USEC + 4, 4), 0);
	assert_int_equal(fg_in(&fg, TIME_USEC, 4), 1006);
	assert_int_equal(fg_in(&fg, TIME_USEC, 4), 1006);
}

static void
reset_forgets_the_driver(void **state)
{
	(void)state;
	attach(ALL);
	vmmci_ctl(&vc, VMMCI_SHUTDOWN);
	fg_out(&fg, STATUS, 1, 0);
	assert_int_equal(fg.irq[3], 0);
	assert_int_equal(fg_in(&fg, ISR, 1), 0);
	assert_int_equal(fg_in(&fg, COMMAND, 4), VMMCI_NONE);
	assert_int_equal(fg_in(&fg, GUEST_FEATURES, 4), 0);
	assert_int_equal(vmmci_ctl(&vc, VMMCI_SHUTDOWN), 0);
}

static void
features_not_offered_are_not_accepted(void **state)
{
	(void)state;
	fg_out(&fg, GUEST_FEATURES, 4, 0xffffffff);
	assert_int_equal(fg_in(&fg, GUEST_FEATURES, 4), ALL);
}

static void
odd_accesses_have_no_effect(void **state)
{
	static const uint32_t	 bad[] = { 0, 4, 5, 0x7fffffff, 0x80000000,
	    0x80000001, 0xffffffff };
	size_t			 i;

	(void)state;
	attach(ALL);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		fg_out(&fg, COMMAND, 4, bad[i]);
	fg_out(&fg, COMMAND, 1, VMMCI_SHUTDOWN);
	fg_out(&fg, COMMAND, 2, VMMCI_SHUTDOWN);
	fg_out(&fg, STATUS, 2, 0);
	fg_out(&fg, STATUS - 2, 4, 0);
	fg_out(&fg, TIME_SEC, 4, 0);
	fg_out(&fg, ISR, 1, 0xff);
	fg_out(&fg, 0xffc, 4, 0);
	assert_int_equal(acks, 0);
	assert_int_equal(vc.vc_bad_access, 14);
	assert_int_equal(vmmci_ctl(&vc, VMMCI_SHUTDOWN), 1);
	assert_int_equal(fg_in(&fg, 37, 4), 0xffffffff);
	assert_int_equal(fg_in(&fg, 40, 1), 0xff);
}

static void
a_wide_read_over_the_isr_clears_it(void **state)
{
	(void)state;
	attach(ALL);
	vmmci_ctl(&vc, VMMCI_REBOOT);
	assert_int_equal(fg_in(&fg, STATUS - 2, 4),
	    VIRTIO_PCI_ISR_CONFIG << 24 | 7 << 16);
	assert_int_equal(fg.irq[3], 0);
}

#define TEST(name)							\
	cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(the_device_says_what_it_is),
		TEST(without_a_driver_there_is_nobody_to_ask),
		TEST(a_command_interrupts_and_is_acknowledged),
		TEST(a_guest_may_say_that_it_goes_down),
		TEST(the_clock_command_needs_its_feature),
		TEST(time_does_not_move_between_its_halves),
		TEST(reset_forgets_the_driver),
		TEST(features_not_offered_are_not_accepted),
		TEST(odd_accesses_have_no_effect),
		TEST(a_wide_read_over_the_isr_clears_it),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
