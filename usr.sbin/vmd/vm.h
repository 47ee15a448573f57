/* SPDX-License-Identifier: ISC */
/*
 * Inside of a vm process: one virtual machine.
 *
 * Threads: main, named "event", runs the libevent loop (messages of vmm,
 * console, timers, virtio queues, the end); one "vcpu-N" per VCPU runs the
 * guest. vm_dev_mtx guards all device state, and is the only lock; a VCPU
 * thread holds it during a port access, the event thread during a callback
 * that touches a device. Other fields are constant once the VCPUs run,
 * belong to the event thread, or are atomic.
 */
#ifndef VMD_VM_H
#define VMD_VM_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "i8253.h"
#include "i8259.h"
#include "mc146818.h"
#include "ns8250.h"
#include "pci.h"
#include "proc.h"
#include "vioblk.h"
#include "vioraw.h"
#include "viornd.h"
#include "vm_io.h"
#include "vmd.h"
#include "vmmci.h"
#include "vmmem.h"

#define VM_IRQ_TIMER	0
#define VM_IRQ_COM1	4
#define VM_IRQ_RTC	8

#define VM_CONSOLE_RING	65536	/* bytes of output kept for a slow reader */

/* How a VM comes to its end; the first reason counts. */
enum vm_end {
	VM_END_NONE,		/* it runs */
	VM_END_POWEROFF,	/* by the guest */
	VM_END_REBOOT,		/* by the guest */
	VM_END_STOP,		/* by vmd, or a signal */
	VM_END_FAIL,		/* vm_fail() said why */
	VM_NENDS
};

/* What a VCPU thread, or a device, wants the event thread to do. */
#define VM_KICK_VIRTIO	0x1	/* serve virtio queues */
#define VM_KICK_OUTPUT	0x2	/* console output is waiting */
#define VM_KICK_INPUT	0x4	/* the UART has room for console input */
#define VM_KICK_ACK	0x8	/* the guest saw a shutdown request */
#define VM_KICK_END	0x10	/* vm_end is set */

struct vm;

struct vcpu {
	struct vm		*vc_vm;
	uint32_t		 vc_id;
	pthread_t		 vc_thread;
	int			 vc_created;	/* there is a thread */
	pthread_cond_t		 vc_cond;	/* with vm_dev_mtx */
	int			 vc_halted;	/* waits on vc_cond */
	atomic_int		 vc_in_run;	/* may be in the guest */
	struct vm_run_params	 vc_run;
	struct vm_exit		 vc_exit;
	struct vcpu_inject_event vc_exception;	/* for the next RUN */
};

/*
 * Console output. Positions count bytes since the start: ring[pos % size].
 * When the reader does not keep up, the oldest output is lost.
 */
struct vm_console {
	uint8_t			 co_ring[VM_CONSOLE_RING];
	uint64_t		 co_in;
	uint64_t		 co_out;
	uint64_t		 co_lost;	/* bytes */
	int			 co_busy;	/* the event thread will look */
	int			 co_fd;		/* master of the pty */
	/* The event thread's own: */
	int			 co_full;	/* wev is waiting */
	struct event		 co_rev;
	struct event		 co_wev;
	struct event		 co_tev;	/* more output in a moment */
};

struct vm {
	struct vm_start		 vm_start;	/* configuration, descriptors */
	uint32_t		 vm_id;		/* the driver's; 0: none */
	int			 vm_started;	/* all of vm_start has come */
	struct vmmem		 vm_mem;
	char			 vm_error[VM_TEXT_MAX];	/* VM_END_FAIL */

	struct event_base	*vm_base;
	struct chan		 vm_chan;	/* to vmm */
	struct event		 vm_timer_ev;
	struct event		 vm_kick_ev;
	struct event		 vm_signal_ev;
	int			 vm_timer_fd;
	int			 vm_kick_fd;
	int			 vm_signal_fd;
	atomic_uint		 vm_kicks;	/* VM_KICK_* */
	atomic_int		 vm_end;	/* enum vm_end */
	atomic_int		 vm_intr;	/* INT output of the PICs */

	pthread_mutex_t		 vm_dev_mtx;
	int			 vm_running;	/* VCPUs may start */
	uint64_t		 vm_epoch;	/* CLOCK_MONOTONIC at time 0 */
	uint64_t		 vm_deadline;	/* the timer is set to that */
	struct vm_io		 vm_io;
	struct i8259_pair	 vm_pic;
	struct i8253		 vm_pit;
	struct mc146818		 vm_rtc;
	struct ns8250		 vm_com1;
	struct vm_console	 vm_console;
	struct pci		 vm_pci;
	struct viornd		 vm_rnd;
	struct vioraw		 vm_raw[VMM_MAX_DISKS_PER_VM];
	struct vioblk		 vm_blk[VMM_MAX_DISKS_PER_VM];
	struct vmmci		 vm_vmmci;
	struct vcpu		 vm_vcpu[VM_MAX_CPUS];
};

/* vm_event.c */

/* Make the event loop and its descriptors. Returns 0, or -1 with errno. */
int	 vm_event_init(struct vm *);

/* Ask the event thread for something; any thread, with or without locks. */
void	 vm_kick(struct vm *, unsigned int);

/*
 * End the VM; any thread, with or without locks. Only the first call has an
 * effect. vm_fail() also says why, in a line that needs no VM name.
 */
void	 vm_stop(struct vm *, enum vm_end);
void	 vm_fail(struct vm *, const char *, ...)
	    __attribute__((__format__(printf, 2, 3)));

/* vm_dev.c */

/*
 * Guest time in ns, the `now' of the devices. It starts at vm_dev_init().
 */
uint64_t vm_now(const struct vm *);

/*
 * Make all devices, in power-on state. Returns 0, or -1 with the reason and
 * remedy in err.
 */
int	 vm_dev_init(struct vm *, char *err, size_t errlen);

/* The clocks' next event is due, or may be: vm_dev_mtx held. */
void	 vm_dev_expire(struct vm *);

/*
 * Serve virtio queues for a while. Returns 1 if there is more to do. Takes
 * vm_dev_mtx.
 */
int	 vm_dev_process(struct vm *);

/* vm_console.c */

/* For the UART; vm_dev_mtx held. */
extern const struct ns8250_ops vm_console_ops;

/* Connect console and UART to the pty. Returns 0, or -1 with errno. */
int	 vm_console_init(struct vm *);

/* Event thread: there is output, or room for input. */
void	 vm_console_flush(struct vm *);
void	 vm_console_resume(struct vm *);

/* Event thread, at the end: all output that the pty takes. */
void	 vm_console_drain(struct vm *);

/* vcpu.c */

/* Program a VCPU and make its thread, which waits. 0, or -1 with errno. */
int	 vcpu_create(struct vm *, uint32_t id, const struct vcpu_reg_state *);

/* Let the threads of all VCPUs go; and wait for their end. */
void	 vcpus_start(struct vm *);
void	 vcpus_join(struct vm *);

/* The PICs have an interrupt for this VCPU; vm_dev_mtx held. */
void	 vcpu_interrupt(struct vcpu *);

/* vcpu_strio.c */

/*
 * Do some of an INS or OUTS exit, and set the registers in vc_exit and
 * vc_exception for the next RUN. To be called in the thread of the VCPU.
 */
void	 vcpu_string_io(struct vcpu *);

#endif /* VMD_VM_H */
