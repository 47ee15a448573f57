/* SPDX-License-Identifier: ISC */
/*
 * Promises of the PCI bus.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <linux/pci_regs.h>

#include <cmocka.h>

#include "pci.h"

static struct pci	 bus;
static int		 level[16], changes;
static uint32_t		 io_off, io_val;
static unsigned int	 io_size, io_reads, io_writes, hook_reg, hook_calls;
static struct pci_dev	*dev;

static void
test_irq(void *arg, int irq, int l)
{
	assert_ptr_equal(arg, &bus);
	assert_in_range(irq, 0, 15);
	level[irq] = l;
	changes++;
}

static const struct pci_ops	 bus_ops = { .irq = test_irq };

static uint32_t
test_read(void *arg, unsigned int bar, uint32_t off, unsigned int size)
{
	(void)arg;
	(void)bar;
	io_off = off;
	io_size = size;
	io_reads++;
	return (0xcafef00d);
}

static void
test_write(void *arg, unsigned int bar, uint32_t off, unsigned int size,
    uint32_t val)
{
	(void)arg;
	(void)bar;
	io_off = off;
	io_size = size;
	io_val = val;
	io_writes++;
}

static void
test_hook(void *arg, unsigned int reg, unsigned int size)
{
	(void)arg;
	assert_true(reg + size <= PCI_CONF_SIZE);
	hook_reg = reg;
	hook_calls++;
}

static const struct pci_dev_ops	 dev_ops = {
	.io_read = test_read,
	.io_write = test_write,
	.conf_read = test_hook,
	.conf_write = test_hook,
};

static const struct pci_ids	 dev_ids = {
	.pi_vendor = 0x1234,
	.pi_device = 0x5678,
	.pi_class = 0x010203,
	.pi_revision = 4,
	.pi_subvendor = 0x9abc,
	.pi_subdevice = 0xdef0,
};

static int
setup(void **state)
{
	(void)state;
	memset(level, 0, sizeof(level));
	changes = io_reads = io_writes = hook_calls = 0;
	pci_init(&bus, &bus_ops, &bus);
	dev = pci_add_dev(&bus, &dev_ids, &dev_ops, &bus);
	assert_int_equal(pci_add_io_bar(dev), 0);
	assert_int_equal(pci_add_intx(dev), 3);
	return (0);
}

static uint32_t
in(uint16_t port, unsigned int size)
{
	uint32_t	 val = 0xdeadbeef;

	assert_int_equal(pci_in(&bus, port, size, &val), 1);
	return (val);
}

static void
out(uint16_t port, unsigned int size, uint32_t val)
{
	assert_int_equal(pci_out(&bus, port, size, val), 1);
}

static void
select_reg(unsigned int slot, unsigned int reg)
{
	out(PCI_CONF_ADDRESS, 4, 0x80000000U | slot << 11 | (reg & 0xfc));
}

static uint32_t
conf_in(unsigned int slot, unsigned int reg, unsigned int size)
{
	select_reg(slot, reg);
	return (in(PCI_CONF_DATA + (reg & 3), size));
}

static void
conf_out(unsigned int slot, unsigned int reg, unsigned int size, uint32_t val)
{
	select_reg(slot, reg);
	out(PCI_CONF_DATA + (reg & 3), size, val);
}

static void
a_guest_finds_mechanism_1(void **state)
{
	uint32_t	 val;

	(void)state;
	/* A byte at 0xCFB must not reach CONFIG_ADDRESS. */
	assert_int_equal(pci_out(&bus, 0xcfb, 1, 1), 0);
	out(PCI_CONF_ADDRESS, 4, 0x80000000);
	assert_int_equal(in(PCI_CONF_ADDRESS, 4), 0x80000000);
	assert_int_equal(pci_in(&bus, 0xcf9, 1, &val), 0);
	assert_int_equal(pci_in(&bus, PCI_CONF_ADDRESS, 2, &val), 0);
	/* Reserved bits read as zero. */
	out(PCI_CONF_ADDRESS, 4, 0xffffffff);
	assert_int_equal(in(PCI_CONF_ADDRESS, 4), 0x80fffffc);
}

static void
the_host_bridge_is_at_slot_0(void **state)
{
	(void)state;
	assert_int_equal(conf_in(0, PCI_VENDOR_ID, 4), 0x06660b5d);
	assert_int_equal(conf_in(0, PCI_CLASS_REVISION, 4), 0x06000000);
	assert_int_equal(conf_in(0, PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(conf_in(0, PCI_INTERRUPT_PIN, 1), 0);
	assert_int_equal(conf_in(0, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, 0);
}

static void
identity_reads_at_every_width(void **state)
{
	(void)state;
	assert_int_equal(conf_in(1, PCI_VENDOR_ID, 4), 0x56781234);
	assert_int_equal(conf_in(1, PCI_DEVICE_ID, 2), 0x5678);
	assert_int_equal(conf_in(1, PCI_DEVICE_ID + 1, 1), 0x56);
	assert_int_equal(conf_in(1, PCI_CLASS_REVISION, 4), 0x01020304);
	assert_int_equal(conf_in(1, PCI_SUBSYSTEM_VENDOR_ID, 4), 0xdef09abc);
	assert_int_equal(conf_in(1, PCI_VENDOR_ID + 1, 2), 0x7812);
	conf_out(1, PCI_VENDOR_ID, 4, 0);
	assert_int_equal(conf_in(1, PCI_VENDOR_ID, 4), 0x56781234);
}

static void
accesses_end_with_config_data(void **state)
{
	(void)state;
	assert_int_equal(conf_in(1, PCI_VENDOR_ID + 3, 2), 0xff56);
	assert_int_equal(conf_in(1, PCI_VENDOR_ID + 1, 4), 0xff567812);
	/* The status after COMMAND's dword stays out of a word at byte 3. */
	conf_out(1, PCI_CACHE_LINE_SIZE + 3, 2, 0xffff);
	assert_int_equal(conf_in(1, PCI_BASE_ADDRESS_0, 4), 0x1001);
	/* The last dword of configuration space. */
	assert_int_equal(conf_in(1, 0xff, 4), 0xffffff00);
	conf_out(1, 0xff, 4, 0xffffffff);
}

static void
what_is_absent_reads_as_ones(void **state)
{
	(void)state;
	assert_int_equal(conf_in(2, PCI_VENDOR_ID, 4), 0xffffffff);
	assert_int_equal(conf_in(31, PCI_VENDOR_ID, 2), 0xffff);
	out(PCI_CONF_ADDRESS, 4, 0x80010000);		/* bus 1 */
	assert_int_equal(in(PCI_CONF_DATA, 4), 0xffffffff);
	out(PCI_CONF_ADDRESS, 4, 0x80000900);		/* function 1 */
	assert_int_equal(in(PCI_CONF_DATA, 4), 0xffffffff);
	out(PCI_CONF_ADDRESS, 4, 0x00000800);		/* not enabled */
	assert_int_equal(in(PCI_CONF_DATA, 4), 0xffffffff);
	out(PCI_CONF_DATA, 4, 0);
	conf_out(2, PCI_COMMAND, 2, 0xffff);
}

static void
bars_show_their_size(void **state)
{
	unsigned int	 reg;

	(void)state;
	assert_int_equal(conf_in(1, PCI_BASE_ADDRESS_0, 4), 0x1001);
	conf_out(1, PCI_BASE_ADDRESS_0, 4, 0xffffffff);
	assert_int_equal(conf_in(1, PCI_BASE_ADDRESS_0, 4), 0xfffff001);
	for (reg = PCI_BASE_ADDRESS_1; reg <= PCI_BASE_ADDRESS_5; reg += 4) {
		conf_out(1, reg, 4, 0xffffffff);
		assert_int_equal(conf_in(1, reg, 4), 0);
	}
	conf_out(1, PCI_ROM_ADDRESS, 4, 0xffffffff);
	assert_int_equal(conf_in(1, PCI_ROM_ADDRESS, 4), 0);
}

static void
io_follows_the_bar(void **state)
{
	uint32_t	 val;

	(void)state;
	assert_int_equal(in(0x1004, 4), 0xcafef00d);
	assert_int_equal(io_off, 4);
	assert_int_equal(in(0x1fff, 1), 0x0d);
	assert_int_equal(pci_in(&bus, 0x2000, 1, &val), 0);
	assert_int_equal(pci_in(&bus, 0xfff, 1, &val), 0);

	conf_out(1, PCI_BASE_ADDRESS_0, 4, 0xc000);
	assert_int_equal(pci_in(&bus, 0x1004, 4, &val), 0);
	out(0xc010, 2, 0xabcd1234);
	assert_int_equal(io_off, 0x10);
	assert_int_equal(io_val, 0x1234);
	/* A BAR above the I/O space decodes nothing. */
	conf_out(1, PCI_BASE_ADDRESS_0, 4, 0x10001000);
	assert_int_equal(pci_in(&bus, 0x1004, 4, &val), 0);
}

static void
io_needs_the_command_bit(void **state)
{
	uint32_t	 val;

	(void)state;
	conf_out(1, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	assert_int_equal(pci_in(&bus, 0x1000, 1, &val), 0);
	assert_int_equal(pci_out(&bus, 0x1000, 1, 0), 0);
	conf_out(1, PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_int_equal(in(0x1000, 1), 0x0d);
}

static void
io_beyond_the_bar_does_not_reach_the_device(void **state)
{
	(void)state;
	assert_int_equal(in(0x1fff, 4), 0xffffffff);
	out(0x1ffe, 4, 1);
	assert_int_equal(io_reads + io_writes, 0);
	/* The same at the end of the port space. */
	conf_out(1, PCI_BASE_ADDRESS_0, 4, 0xf000);
	assert_int_equal(in(0xffff, 4), 0xffffffff);
	assert_int_equal(io_reads, 0);
}

static void
interrupts_follow_intx_disable(void **state)
{
	(void)state;
	pci_intx(dev, 1);
	pci_intx(dev, 1);
	assert_int_equal(level[3], 1);
	assert_int_equal(changes, 1);
	assert_true(conf_in(1, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	conf_out(1, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(level[3], 0);
	assert_true(conf_in(1, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	/* The byte that holds the bit is enough. */
	conf_out(1, PCI_COMMAND + 1, 1, 0);
	assert_int_equal(level[3], 1);
	pci_intx(dev, 0);
	assert_int_equal(level[3], 0);
	assert_false(conf_in(1, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
}

static void
lines_come_from_the_pool_and_only_once(void **state)
{
	static const int	 pool[] = { 5, 6, 7, 9, 10, 11, 12, 14, 15 };
	struct pci_dev		*pd;
	size_t			 i;

	(void)state;
	assert_int_equal(conf_in(1, PCI_INTERRUPT_LINE, 2), 0x0103);
	assert_int_equal(pci_irq_mask(&bus), 1 << 3);
	for (i = 0; i < sizeof(pool) / sizeof(pool[0]); i++) {
		pd = pci_add_dev(&bus, &dev_ids, &dev_ops, &bus);
		assert_int_equal(pci_add_intx(pd), pool[i]);
	}
	assert_int_equal(pci_irq_mask(&bus), 0xdee8);
	pd = pci_add_dev(&bus, &dev_ids, &dev_ops, &bus);
	assert_int_equal(pci_add_intx(pd), -1);
	pci_intx(pd, 1);
	assert_int_equal(changes, 0);
	/* What the guest stores in the register moves no line. */
	conf_out(1, PCI_INTERRUPT_LINE, 1, 11);
	assert_int_equal(conf_in(1, PCI_INTERRUPT_LINE, 1), 11);
	pci_intx(dev, 1);
	assert_int_equal(level[3], 1);
}

static void
slots_and_bars_run_out_cleanly(void **state)
{
	struct pci_dev	*pd;
	int		 i, bars = 1;

	(void)state;
	for (i = 1; i < PCI_MAX_BARS; i++, bars++)
		assert_int_equal(pci_add_io_bar(dev), i);
	assert_int_equal(pci_add_io_bar(dev), -1);
	for (i = 2; i < PCI_MAX_DEVS; i++) {
		pd = pci_add_dev(&bus, &dev_ids, &dev_ops, &bus);
		assert_non_null(pd);
		if (pci_add_io_bar(pd) == 0)
			bars++;
	}
	assert_int_equal(bars, 15);	/* 0x1000 to 0xf000 */
	assert_null(pci_add_dev(&bus, &dev_ids, &dev_ops, &bus));
}

static void
capabilities_form_a_list(void **state)
{
	const uint8_t	 cap[7] = { PCI_CAP_ID_VNDR, 0x77, 7, 1, 2, 3, 4 };
	const uint8_t	 big[PCI_CONF_SIZE] = { PCI_CAP_ID_VNDR };
	int		 first, second;

	(void)state;
	first = pci_add_cap(dev, cap, sizeof(cap));
	second = pci_add_cap(dev, cap, sizeof(cap));
	assert_int_equal(first, 0x40);
	assert_int_equal(second, 0x48);
	assert_true(conf_in(1, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	assert_int_equal(conf_in(1, PCI_CAPABILITY_LIST, 1), first);
	assert_int_equal(conf_in(1, first, 4), 0x01074809);
	assert_int_equal(conf_in(1, second, 4), 0x01070009);
	assert_int_equal(pci_add_cap(dev, big, sizeof(big)), -1);
	assert_int_equal(pci_add_cap(dev, big, 256 - 0x50), 0x50);
	assert_int_equal(pci_add_cap(dev, cap, sizeof(cap)), -1);
}

static void
hooks_see_reads_and_writes(void **state)
{
	(void)state;
	conf_in(1, 0x44, 2);
	assert_int_equal(hook_reg, 0x44);
	conf_out(1, 0x49, 1, 0xff);
	assert_int_equal(hook_reg, 0x49);
	assert_int_equal(hook_calls, 2);
	assert_int_equal(conf_in(1, 0x48, 4), 0);
	pci_conf_writable(dev, 0x49, 0x0f);
	conf_out(1, 0x49, 1, 0xff);
	assert_int_equal(conf_in(1, 0x48, 4), 0x0f00);
}

static void
reset_restores_what_was_assigned(void **state)
{
	(void)state;
	pci_intx(dev, 1);
	conf_out(1, PCI_BASE_ADDRESS_0, 4, 0xc000);
	conf_out(1, PCI_COMMAND, 2, 0);
	conf_out(1, PCI_INTERRUPT_LINE, 1, 11);
	pci_reset(&bus);
	assert_int_equal(level[3], 0);
	assert_int_equal(in(PCI_CONF_ADDRESS, 4), 0);
	assert_int_equal(conf_in(1, PCI_BASE_ADDRESS_0, 4), 0x1001);
	assert_int_equal(conf_in(1, PCI_COMMAND, 4),
	    PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	assert_int_equal(conf_in(1, PCI_INTERRUPT_LINE, 1), 3);
}

#define TEST(name)	cmocka_unit_test_setup(name, setup)

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		TEST(a_guest_finds_mechanism_1),
		TEST(the_host_bridge_is_at_slot_0),
		TEST(identity_reads_at_every_width),
		TEST(accesses_end_with_config_data),
		TEST(what_is_absent_reads_as_ones),
		TEST(bars_show_their_size),
		TEST(io_follows_the_bar),
		TEST(io_needs_the_command_bit),
		TEST(io_beyond_the_bar_does_not_reach_the_device),
		TEST(interrupts_follow_intx_disable),
		TEST(lines_come_from_the_pool_and_only_once),
		TEST(slots_and_bars_run_out_cleanly),
		TEST(capabilities_form_a_list),
		TEST(hooks_see_reads_and_writes),
		TEST(reset_restores_what_was_assigned),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
