/* SPDX-License-Identifier: ISC */
/*
 * The I/O port space of a VM: which device answers at which port.
 *
 * Fixed devices are 8 bits wide; a wider access is split into bytes at
 * ascending ports, as on an ISA bus. An access that starts at a port without
 * such a device is offered whole to the bus (PCI). Where nothing answers,
 * reads give all ones and writes are lost; both are counted.
 *
 * The caller serialises all calls (the device mutex of the VM).
 */
#ifndef VMD_VM_IO_H
#define VMD_VM_IO_H

#include <stddef.h>
#include <stdint.h>

#define VM_IO_PORTS	65536
#define VM_IO_MAX_DEVS	32

struct vm_io_dev {
	uint8_t	(*in)(void *arg, uint16_t port);
	void	(*out)(void *arg, uint16_t port, uint8_t val);
};

/* Both return 1 if the access was theirs, else 0. size is 1, 2 or 4. */
struct vm_io_bus {
	int	(*in)(void *arg, uint16_t port, unsigned int size,
		    uint32_t *val);
	int	(*out)(void *arg, uint16_t port, unsigned int size,
		    uint32_t val);
};

struct vm_io {
	uint8_t			 io_map[VM_IO_PORTS];	/* 0: nobody's */
	unsigned int		 io_ndevs;
	struct {
		const struct vm_io_dev	*dev;
		void			*arg;
	}			 io_dev[VM_IO_MAX_DEVS];
	const struct vm_io_bus	*io_bus;
	void			*io_bus_arg;
	uint64_t		 io_absent_in;	/* bytes nobody gave */
	uint64_t		 io_absent_out;	/* bytes nobody took */
};

/* An empty port space. bus may be NULL. */
void	 vm_io_init(struct vm_io *, const struct vm_io_bus *, void *arg);

/*
 * Put a device at the ports first to last. Returns 0, or -1 when one of them
 * is taken or there are too many devices; then nothing is changed.
 */
int	 vm_io_add(struct vm_io *, uint16_t first, uint16_t last,
	    const struct vm_io_dev *, void *arg);

/* A guest's access; size is 1, 2 or 4. */
uint32_t vm_io_in(struct vm_io *, uint16_t port, unsigned int size);
void	 vm_io_out(struct vm_io *, uint16_t port, unsigned int size,
	    uint32_t val);

#endif /* VMD_VM_IO_H */
