/* SPDX-License-Identifier: ISC */

/*
 * The console of a VM: COM1 on one side, the master of a pty on the other.
 * The guest never waits for whoever reads the console.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "vm.h"

#define CONSOLE_CHUNK		4096	/* bytes written at once */
#define CONSOLE_DELAY_US	1000	/* between writes of less */

/* The UART sends: keep it all, the event thread writes it out. */
static size_t
console_tx(void *arg, const uint8_t *buf, size_t n)
{
	struct vm		*vm = arg;
	struct vm_console	*co = &vm->vm_console;
	size_t			 i;

	for (i = 0; i < n; i++)
		co->co_ring[co->co_in++ % VM_CONSOLE_RING] = buf[i];
	if (co->co_in - co->co_out > VM_CONSOLE_RING) {
		co->co_lost += co->co_in - co->co_out - VM_CONSOLE_RING;
		co->co_out = co->co_in - VM_CONSOLE_RING;
	}
	if (!co->co_busy) {
		co->co_busy = 1;
		vm_kick(vm, VM_KICK_OUTPUT);
	}
	return (n);
}

static void
console_irq(void *arg, int level)
{
	struct vm	*vm = arg;

	i8259_set_irq(&vm->vm_pic, VM_IRQ_COM1, level);
}

static void
console_rx_room(void *arg)
{
	vm_kick(arg, VM_KICK_INPUT);
}

const struct ns8250_ops vm_console_ops = {
	.tx = console_tx,
	.irq = console_irq,
	.rx_room = console_rx_room,
};

/*
 * Copy some of the output; returns how much, and where it starts. When there
 * is none, the UART has to call again.
 */
static size_t
console_peek(struct vm *vm, uint8_t *buf, uint64_t *pos)
{
	struct vm_console	*co = &vm->vm_console;
	size_t			 i, n = CONSOLE_CHUNK;

	pthread_mutex_lock(&vm->vm_dev_mtx);
	*pos = co->co_out;
	if (n > co->co_in - co->co_out)
		n = co->co_in - co->co_out;
	for (i = 0; i < n; i++)
		buf[i] = co->co_ring[(*pos + i) % VM_CONSOLE_RING];
	co->co_busy = n > 0;
	pthread_mutex_unlock(&vm->vm_dev_mtx);
	return (n);
}

/* Written up to pos; some of that may have been dropped meanwhile. */
static void
console_consume(struct vm *vm, uint64_t pos)
{
	struct vm_console	*co = &vm->vm_console;

	pthread_mutex_lock(&vm->vm_dev_mtx);
	if (co->co_out < pos)
		co->co_out = pos;
	pthread_mutex_unlock(&vm->vm_dev_mtx);
}

/*
 * Guests send single characters: what comes shortly after one is collected,
 * so that not each of them wakes this thread.
 */
void
vm_console_flush(struct vm *vm)
{
	static const struct timeval	 later = { 0, CONSOLE_DELAY_US };
	struct vm_console		*co = &vm->vm_console;
	uint8_t				 buf[CONSOLE_CHUNK];
	uint64_t			 pos;
	ssize_t				 w;
	size_t				 n;

	if (co->co_full || (n = console_peek(vm, buf, &pos)) == 0)
		return;
	w = write(co->co_fd, buf, n);
	if (w == -1 && errno != EINTR) {
		/* Nobody reads; go on when somebody does. */
		co->co_full = 1;
		event_add(&co->co_wev, NULL);
		return;
	}
	if (w > 0)
		console_consume(vm, pos + w);
	if (n == sizeof(buf))
		vm_kick(vm, VM_KICK_OUTPUT);	/* after the others' turn */
	else
		event_add(&co->co_tev, &later);
}

void
vm_console_drain(struct vm *vm)
{
	struct vm_console	*co = &vm->vm_console;

	while (!co->co_full && co->co_in != co->co_out)
		vm_console_flush(vm);
}

static void
console_later(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	vm_console_flush(arg);
}

static void
console_writable(int fd, short what, void *arg)
{
	struct vm	*vm = arg;

	(void)fd;
	(void)what;
	vm->vm_console.co_full = 0;
	vm_console_flush(vm);
}

/* No more than the UART takes: the rest waits in the pty. */
static void
console_readable(int fd, short what, void *arg)
{
	struct vm		*vm = arg;
	struct vm_console	*co = &vm->vm_console;
	uint8_t			 buf[NS8250_FIFO_SIZE];
	size_t			 space;
	ssize_t			 n;

	(void)what;
	pthread_mutex_lock(&vm->vm_dev_mtx);
	space = ns8250_rx_space(&vm->vm_com1);
	if (space > sizeof(buf))
		space = sizeof(buf);
	if (space == 0) {
		event_del(&co->co_rev);
	} else if ((n = read(fd, buf, space)) > 0) {
		(void)ns8250_rx(&vm->vm_com1, buf, n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		log_warn("console input is lost");
		event_del(&co->co_rev);
	}
	pthread_mutex_unlock(&vm->vm_dev_mtx);
}

void
vm_console_resume(struct vm *vm)
{
	event_add(&vm->vm_console.co_rev, NULL);
}

int
vm_console_init(struct vm *vm)
{
	struct vm_console	*co = &vm->vm_console;

	co->co_fd = vm->vm_start.vst_fds[VM_FD_TTY_MASTER];
	event_assign(&co->co_rev, vm->vm_base, co->co_fd,
	    EV_READ | EV_PERSIST, console_readable, vm);
	event_assign(&co->co_wev, vm->vm_base, co->co_fd, EV_WRITE,
	    console_writable, vm);
	event_assign(&co->co_tev, vm->vm_base, -1, 0, console_later, vm);
	if (event_add(&co->co_rev, NULL) == -1) {
		errno = ENOMEM;
		return (-1);
	}
	return (0);
}
