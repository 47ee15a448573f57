/* SPDX-License-Identifier: ISC */

/*
 * The event thread of a VM: clocks, virtio queues, requests of the VCPU
 * threads, signals. Messages are in vm.c, the console in vm_console.c.
 */

#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "vm.h"

void
vm_kick(struct vm *vm, unsigned int what)
{
	uint64_t	 one = 1;

	/* What is set already has woken the event thread, or will. */
	if (atomic_fetch_or(&vm->vm_kicks, what) & what)
		return;
	/* The counter cannot overflow, which is the only way to fail. */
	if (write(vm->vm_kick_fd, &one, sizeof(one)) == -1)
		fatal("cannot wake the event thread");
}

void
vm_stop(struct vm *vm, enum vm_end how)
{
	int	 none = VM_END_NONE;

	if (atomic_compare_exchange_strong(&vm->vm_end, &none, how))
		vm_kick(vm, VM_KICK_END);
}

void
vm_fail(struct vm *vm, const char *fmt, ...)
{
	int	 none = VM_END_NONE;
	va_list	 ap;

	if (!atomic_compare_exchange_strong(&vm->vm_end, &none, VM_END_FAIL))
		return;
	/* Read after the kick, and after the threads are gone. */
	va_start(ap, fmt);
	vsnprintf(vm->vm_error, sizeof(vm->vm_error), fmt, ap);
	va_end(ap);
	vm_kick(vm, VM_KICK_END);
}

static void
vm_process(struct vm *vm)
{
	/* In slices, so that console and clocks get their turn. */
	if (vm_dev_process(vm))
		vm_kick(vm, VM_KICK_VIRTIO);
}

static void
vm_kicked(int fd, short what, void *arg)
{
	struct vm	*vm = arg;
	uint64_t	 n;
	unsigned int	 kicks;

	(void)what;
	/* First the counter, then the bits: none is lost between the two. */
	if (read(fd, &n, sizeof(n)) == -1)
		return;
	kicks = atomic_exchange(&vm->vm_kicks, 0);
	if (kicks & VM_KICK_OUTPUT)
		vm_console_flush(vm);
	if (kicks & VM_KICK_INPUT)
		vm_console_resume(vm);
	if (kicks & VM_KICK_VIRTIO)
		vm_process(vm);
	if (kicks & VM_KICK_ACK)
		chan_send(&vm->vm_chan, IMSG_VMDOP_VM_SHUTDOWN_ACK,
		    vm->vm_start.vst_config.vc_id, -1, NULL, 0);
	if (kicks & VM_KICK_END)
		event_base_loopbreak(vm->vm_base);
}

static void
vm_timer(int fd, short what, void *arg)
{
	struct vm	*vm = arg;
	uint64_t	 n;

	(void)what;
	if (read(fd, &n, sizeof(n)) == -1)
		return;
	pthread_mutex_lock(&vm->vm_dev_mtx);
	vm_dev_expire(vm);
	pthread_mutex_unlock(&vm->vm_dev_mtx);
}

static void
vm_signal(int fd, short what, void *arg)
{
	struct signalfd_siginfo	 si;

	(void)what;
	if (read(fd, &si, sizeof(si)) != -1)
		vm_stop(arg, VM_END_STOP);
}

/*
 * SIGTERM comes through a descriptor; nothing interrupts a VCPU. In the
 * foreground, the terminal's signals are the parent's to act on.
 */
static int
vm_signal_init(void)
{
	sigset_t	 set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return (-1);
	return (signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

static int
vm_event_add(struct vm *vm, struct event *ev, int fd,
    void (*fn)(int, short, void *))
{
	event_assign(ev, vm->vm_base, fd, EV_READ | EV_PERSIST, fn, vm);
	return (event_add(ev, NULL));
}

int
vm_event_init(struct vm *vm)
{
	if ((vm->vm_base = event_base_new()) == NULL) {
		errno = ENOMEM;
		return (-1);
	}
	vm->vm_signal_fd = vm_signal_init();
	vm->vm_timer_fd = timerfd_create(CLOCK_MONOTONIC,
	    TFD_CLOEXEC | TFD_NONBLOCK);
	vm->vm_kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->vm_signal_fd == -1 || vm->vm_timer_fd == -1 ||
	    vm->vm_kick_fd == -1)
		return (-1);
	if (vm_event_add(vm, &vm->vm_kick_ev, vm->vm_kick_fd,
	    vm_kicked) == -1 ||
	    vm_event_add(vm, &vm->vm_timer_ev, vm->vm_timer_fd,
	    vm_timer) == -1 ||
	    vm_event_add(vm, &vm->vm_signal_ev, vm->vm_signal_fd,
	    vm_signal) == -1) {
		errno = ENOMEM;
		return (-1);
	}
	return (0);
}
