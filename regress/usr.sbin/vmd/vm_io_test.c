/* SPDX-License-Identifier: ISC */
/*
 * Promises of the port space of a VM.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "vm_io.h"

static struct vm_io	 io;
static char		 trace[256];	/* what devices saw, in order */

static void
trace_add(char who, char dir, unsigned int port, unsigned int size,
    uint32_t val)
{
	size_t	 n = strlen(trace);

	snprintf(trace + n, sizeof(trace) - n, "%c%c%x/%u=%x ", who, dir,
	    port, size, val);
}

static uint8_t
dev_in(void *arg, uint16_t port)
{
	trace_add(*(char *)arg, '<', port, 1, 0);
	return (port & 0xff);
}

static void
dev_out(void *arg, uint16_t port, uint8_t val)
{
	trace_add(*(char *)arg, '>', port, 1, val);
}

static const struct vm_io_dev dev = { dev_in, dev_out };

/* Takes dwords at 0xcf8 and anything at 0x1000. */
static int
bus_takes(uint16_t port, unsigned int size)
{
	return ((port == 0xcf8 && size == 4) || port == 0x1000);
}

static int
bus_in(void *arg, uint16_t port, unsigned int size, uint32_t *val)
{
	if (!bus_takes(port, size))
		return (0);
	trace_add(*(char *)arg, '<', port, size, 0);
	*val = 0xcafe0000 | port;
	return (1);
}

static int
bus_out(void *arg, uint16_t port, unsigned int size, uint32_t val)
{
	if (!bus_takes(port, size))
		return (0);
	trace_add(*(char *)arg, '>', port, size, val);
	return (1);
}

static const struct vm_io_bus bus = { bus_in, bus_out };
static char a = 'a', b = 'b', p = 'p';

static int
setup(void **state)
{
	(void)state;
	trace[0] = '\0';
	vm_io_init(&io, &bus, &p);
	assert_int_equal(vm_io_add(&io, 0x40, 0x43, &dev, &a), 0);
	assert_int_equal(vm_io_add(&io, 0x44, 0x44, &dev, &b), 0);
	assert_int_equal(vm_io_add(&io, 0xcf9, 0xcf9, &dev, &b), 0);
	assert_int_equal(vm_io_add(&io, 0xffff, 0xffff, &dev, &b), 0);
	return (0);
}

static void
a_byte_goes_to_the_device_at_the_port(void **state)
{
	(void)state;
	assert_int_equal(vm_io_in(&io, 0x43, 1), 0x43);
	vm_io_out(&io, 0x44, 1, 0x5a);
	assert_string_equal(trace, "a<43/1=0 b>44/1=5a ");
}

static void
wide_accesses_are_split_at_ascending_ports(void **state)
{
	(void)state;
	assert_int_equal(vm_io_in(&io, 0x43, 2), 0x4443);
	vm_io_out(&io, 0x42, 4, 0x44332211);
	assert_string_equal(trace, "a<43/1=0 b<44/1=0 "
	    "a>42/1=11 a>43/1=22 b>44/1=33 ");
	assert_int_equal(io.io_absent_out, 1);
}

static void
absent_ports_read_ones_and_lose_writes_and_are_counted(void **state)
{
	(void)state;
	assert_int_equal(vm_io_in(&io, 0x3f, 1), 0xff);
	assert_int_equal(vm_io_in(&io, 0x300, 2), 0xffff);
	assert_int_equal(vm_io_in(&io, 0x300, 4), 0xffffffff);
	assert_int_equal(io.io_absent_in, 7);
	vm_io_out(&io, 0x45, 4, 1);
	assert_int_equal(io.io_absent_out, 4);
	assert_string_equal(trace, "");
}

static void
the_bus_gets_accesses_whole(void **state)
{
	(void)state;
	assert_int_equal(vm_io_in(&io, 0x1000, 2), 0xcafe1000);
	vm_io_out(&io, 0xcf8, 4, 0x80000000);
	assert_string_equal(trace, "p<1000/2=0 p>cf8/4=80000000 ");
}

static void
a_fixed_port_inside_the_bus_window_is_its_own_device(void **state)
{
	(void)state;
	vm_io_out(&io, 0xcf9, 1, 6);
	vm_io_out(&io, 0xcf8, 2, 0x0600);
	assert_string_equal(trace, "b>cf9/1=6 b>cf9/1=6 ");
}

static void
the_last_port_does_not_wrap(void **state)
{
	(void)state;
	assert_int_equal(vm_io_in(&io, 0xffff, 4), 0xffffffff);
	vm_io_out(&io, 0xffff, 2, 0x2211);
	assert_string_equal(trace, "b<ffff/1=0 b>ffff/1=11 ");
}

static void
a_taken_port_is_refused_and_nothing_changes(void **state)
{
	(void)state;
	assert_int_equal(vm_io_add(&io, 0x3e, 0x40, &dev, &b), -1);
	assert_int_equal(vm_io_in(&io, 0x3f, 1), 0xff);
	assert_int_equal(vm_io_add(&io, 0x51, 0x50, &dev, &b), -1);
}

static void
as_many_devices_as_promised(void **state)
{
	unsigned int	 i;

	(void)state;
	vm_io_init(&io, NULL, NULL);
	for (i = 0; i < VM_IO_MAX_DEVS; i++)
		assert_int_equal(vm_io_add(&io, i, i, &dev, &a), 0);
	assert_int_equal(vm_io_add(&io, i, i, &dev, &a), -1);
	assert_int_equal(vm_io_in(&io, VM_IO_MAX_DEVS - 1, 1),
	    VM_IO_MAX_DEVS - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_byte_goes_to_the_device_at_the_port,
		    setup),
		cmocka_unit_test_setup(
		    wide_accesses_are_split_at_ascending_ports, setup),
		cmocka_unit_test_setup(
		    absent_ports_read_ones_and_lose_writes_and_are_counted,
		    setup),
		cmocka_unit_test_setup(the_bus_gets_accesses_whole, setup),
		cmocka_unit_test_setup(
		    a_fixed_port_inside_the_bus_window_is_its_own_device,
		    setup),
		cmocka_unit_test_setup(the_last_port_does_not_wrap, setup),
		cmocka_unit_test_setup(
		    a_taken_port_is_refused_and_nothing_changes, setup),
		cmocka_unit_test_setup(as_many_devices_as_promised, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
