/* SPDX-License-Identifier: ISC */

/* Dispatch of port accesses; see vm_io.h. */

#include <string.h>

#include "vm_io.h"

_Static_assert(VM_IO_MAX_DEVS < 256, "io_map has a byte for each port");

void
vm_io_init(struct vm_io *io, const struct vm_io_bus *bus, void *arg)
{
	memset(io, 0, sizeof(*io));
	io->io_bus = bus;
	io->io_bus_arg = arg;
}

int
vm_io_add(struct vm_io *io, uint16_t first, uint16_t last,
    const struct vm_io_dev *dev, void *arg)
{
	unsigned int	 port;

	if (first > last || io->io_ndevs == VM_IO_MAX_DEVS)
		return (-1);
	for (port = first; port <= last; port++)
		if (io->io_map[port] != 0)
			return (-1);
	io->io_dev[io->io_ndevs].dev = dev;
	io->io_dev[io->io_ndevs].arg = arg;
	io->io_ndevs++;
	memset(&io->io_map[first], io->io_ndevs, last - first + 1u);
	return (0);
}

static uint8_t
vm_io_in_byte(struct vm_io *io, unsigned int port)
{
	unsigned int	 n = port < VM_IO_PORTS ? io->io_map[port] : 0;

	if (n == 0) {
		io->io_absent_in++;
		return (0xff);
	}
	n--;
	return (io->io_dev[n].dev->in(io->io_dev[n].arg, port));
}

static void
vm_io_out_byte(struct vm_io *io, unsigned int port, uint8_t val)
{
	unsigned int	 n = port < VM_IO_PORTS ? io->io_map[port] : 0;

	if (n == 0) {
		io->io_absent_out++;
		return;
	}
	n--;
	io->io_dev[n].dev->out(io->io_dev[n].arg, port, val);
}

uint32_t
vm_io_in(struct vm_io *io, uint16_t port, unsigned int size)
{
	uint32_t	 val;
	unsigned int	 i;

	if (io->io_map[port] == 0 && io->io_bus != NULL &&
	    io->io_bus->in(io->io_bus_arg, port, size, &val))
		return (val);
	for (val = 0, i = 0; i < size; i++)
		val |= (uint32_t)vm_io_in_byte(io, port + i) << (8 * i);
	return (val);
}

void
vm_io_out(struct vm_io *io, uint16_t port, unsigned int size, uint32_t val)
{
	unsigned int	 i;

	if (io->io_map[port] == 0 && io->io_bus != NULL &&
	    io->io_bus->out(io->io_bus_arg, port, size, val))
		return;
	for (i = 0; i < size; i++)
		vm_io_out_byte(io, port + i, val >> (8 * i));
}
