/* SPDX-License-Identifier: ISC */

/*
 * The devices of a VM: which there are, at which ports and interrupts, and
 * what they ask of the rest of the process.
 */

#include <sys/timerfd.h>
#include <bsd/stdlib.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "vm.h"

#define NS_PER_SEC	1000000000ULL
#define VIRTIO_BUDGET	32	/* buffers in one go, holding the mutex */

/* What a PC has besides its chips. */
#define PORT_KBD_DATA	0x60
#define PORT_KBD_STATUS	0x64
#define PORT_POST	0x80
#define PORT_RESET	0xcf9

#define KBD_ABSENT	0xfd	/* status: looks like no controller */
#define KBD_RESET_CPU	0xfe	/* command: pulse the reset line */
#define RESET_CPU	0x04	/* 0xcf9: reset when it becomes 1 */

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec	 ts;

	if (clock_gettime(clock, &ts) == -1)
		fatal("clock_gettime");
	return ((uint64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec);
}

uint64_t
vm_now(const struct vm *vm)
{
	return (clock_ns(CLOCK_MONOTONIC) - vm->vm_epoch);
}

/*
 * Set the timer when the clocks' next event is earlier than what it is set
 * to. One that is too early does no harm and costs nothing here.
 */
static void
clock_arm(struct vm *vm)
{
	struct itimerspec	 its;
	uint64_t		 pit = i8253_deadline(&vm->vm_pit);
	uint64_t		 rtc = mc146818_deadline(&vm->vm_rtc);
	uint64_t		 next = pit < rtc ? pit : rtc, at;

	if (next >= vm->vm_deadline)
		return;
	vm->vm_deadline = next;
	if (__builtin_add_overflow(next, vm->vm_epoch, &at) || at > INT64_MAX)
		return;
	memset(&its, 0, sizeof(its));
	its.it_value.tv_sec = at / NS_PER_SEC;
	its.it_value.tv_nsec = at % NS_PER_SEC;
	if (timerfd_settime(vm->vm_timer_fd, TFD_TIMER_ABSTIME, &its,
	    NULL) == -1)
		fatal("timerfd_settime");
}

void
vm_dev_expire(struct vm *vm)
{
	uint64_t	 now = vm_now(vm);

	vm->vm_deadline = UINT64_MAX;
	if (i8253_deadline(&vm->vm_pit) <= now)
		i8253_expire(&vm->vm_pit, now);
	if (mc146818_deadline(&vm->vm_rtc) <= now)
		mc146818_expire(&vm->vm_rtc, now);
	clock_arm(vm);
}

/* Interrupts: the chips' lines, and the output to the CPU. */

static void
pic_intr(void *arg, int level)
{
	struct vm	*vm = arg;

	atomic_store(&vm->vm_intr, level);
	if (level)
		vcpu_interrupt(&vm->vm_vcpu[0]);
}

static void
pit_irq(void *arg, int level)
{
	struct vm	*vm = arg;

	i8259_set_irq(&vm->vm_pic, VM_IRQ_TIMER, level);
}

static void
rtc_irq(void *arg, int level)
{
	struct vm	*vm = arg;

	i8259_set_irq(&vm->vm_pic, VM_IRQ_RTC, level);
}

static void
pci_irq(void *arg, int irq, int level)
{
	struct vm	*vm = arg;

	i8259_set_irq(&vm->vm_pic, irq, level);
}

static const struct i8259_ops pic_ops = { .intr = pic_intr };
static const struct i8253_ops pit_ops = { .irq = pit_irq };
static const struct mc146818_ops rtc_ops = { .irq = rtc_irq };
static const struct pci_ops pci_bus_ops = { .irq = pci_irq };

/* Ports. */

static uint8_t
pic_in(void *arg, uint16_t port)
{
	struct vm	*vm = arg;

	return (i8259_read(&vm->vm_pic, port));
}

static void
pic_out(void *arg, uint16_t port, uint8_t val)
{
	struct vm	*vm = arg;

	i8259_write(&vm->vm_pic, port, val);
}

static uint8_t
pit_in(void *arg, uint16_t port)
{
	struct vm	*vm = arg;

	return (i8253_read(&vm->vm_pit, port, vm_now(vm)));
}

static void
pit_out(void *arg, uint16_t port, uint8_t val)
{
	struct vm	*vm = arg;

	i8253_write(&vm->vm_pit, port, val, vm_now(vm));
	clock_arm(vm);
}

static uint8_t
rtc_in(void *arg, uint16_t port)
{
	struct vm	*vm = arg;
	uint8_t		 val;

	val = mc146818_read(&vm->vm_rtc, port, vm_now(vm));
	clock_arm(vm);
	return (val);
}

static void
rtc_out(void *arg, uint16_t port, uint8_t val)
{
	struct vm	*vm = arg;

	mc146818_write(&vm->vm_rtc, port, val, vm_now(vm));
	clock_arm(vm);
}

static uint8_t
com1_in(void *arg, uint16_t port)
{
	struct vm	*vm = arg;

	return (ns8250_read(&vm->vm_com1, port));
}

static void
com1_out(void *arg, uint16_t port, uint8_t val)
{
	struct vm	*vm = arg;

	ns8250_write(&vm->vm_com1, port, val);
}

/* There is no keyboard controller, but its way to reset the CPU. */
static uint8_t
kbd_in(void *arg, uint16_t port)
{
	(void)arg;
	return (port == PORT_KBD_STATUS ? KBD_ABSENT : 0xff);
}

static void
kbd_out(void *arg, uint16_t port, uint8_t val)
{
	if (port == PORT_KBD_STATUS && val == KBD_RESET_CPU)
		vm_stop(arg, VM_END_REBOOT);
}

/* Progress codes of firmware, and what systems use for a short delay. */
static uint8_t
post_in(void *arg, uint16_t port)
{
	(void)arg;
	(void)port;
	return (0xff);
}

static void
post_out(void *arg, uint16_t port, uint8_t val)
{
	(void)arg;
	(void)port;
	(void)val;
}

static uint8_t
reset_in(void *arg, uint16_t port)
{
	(void)arg;
	(void)port;
	return (0);
}

static void
reset_out(void *arg, uint16_t port, uint8_t val)
{
	(void)port;
	if (val & RESET_CPU)
		vm_stop(arg, VM_END_REBOOT);
}

static int
bus_in(void *arg, uint16_t port, unsigned int size, uint32_t *val)
{
	struct vm	*vm = arg;

	return (pci_in(&vm->vm_pci, port, size, val));
}

static int
bus_out(void *arg, uint16_t port, unsigned int size, uint32_t val)
{
	struct vm	*vm = arg;

	return (pci_out(&vm->vm_pci, port, size, val));
}

static const struct vm_io_bus bus = { bus_in, bus_out };

static const struct {
	uint16_t		 first;
	uint16_t		 last;
	struct vm_io_dev	 dev;
} ports[] = {
	{ I8259_MASTER_PORT, I8259_MASTER_PORT + 1, { pic_in, pic_out } },
	{ I8259_SLAVE_PORT, I8259_SLAVE_PORT + 1, { pic_in, pic_out } },
	{ I8259_ELCR1_PORT, I8259_ELCR2_PORT, { pic_in, pic_out } },
	{ I8253_PORT, I8253_PORT_CTL, { pit_in, pit_out } },
	{ I8253_PORT_SYS, I8253_PORT_SYS, { pit_in, pit_out } },
	{ MC146818_PORT_INDEX, MC146818_PORT_DATA, { rtc_in, rtc_out } },
	{ NS8250_COM1_PORT, NS8250_COM1_PORT + NS8250_NPORTS - 1,
	    { com1_in, com1_out } },
	{ PORT_KBD_DATA, PORT_KBD_DATA, { kbd_in, kbd_out } },
	{ PORT_KBD_STATUS, PORT_KBD_STATUS, { kbd_in, kbd_out } },
	{ PORT_POST, PORT_POST, { post_in, post_out } },
	{ PORT_RESET, PORT_RESET, { reset_in, reset_out } },
};
#define NPORTS	(sizeof(ports) / sizeof(ports[0]))
_Static_assert(NPORTS <= VM_IO_MAX_DEVS, "all fit");

static void
ports_init(struct vm *vm)
{
	size_t	 i;

	vm_io_init(&vm->vm_io, &bus, vm);
	for (i = 0; i < NPORTS; i++)
		if (vm_io_add(&vm->vm_io, ports[i].first, ports[i].last,
		    &ports[i].dev, vm) == -1)
			fatalx("two devices at port 0x%x", ports[i].first);
}

/* Virtio and vmmci. */

static void
virtio_kick(void *arg)
{
	vm_kick(arg, VM_KICK_VIRTIO);
}

static void
virtio_broken(void *arg, const char *dev, const char *why)
{
	(void)arg;
	log_warnx("%s: the guest's driver broke the rules (%s): it has to "
	    "reset the device", dev, why);
}

static void
vmmci_acked(void *arg, enum vmmci_cmd cmd)
{
	(void)cmd;
	vm_kick(arg, VM_KICK_ACK);
}

static void
vmmci_time(void *arg, uint64_t *sec, uint64_t *usec)
{
	uint64_t	 ns = clock_ns(CLOCK_REALTIME);

	(void)arg;
	*sec = ns / NS_PER_SEC;
	*usec = ns % NS_PER_SEC / 1000;
}

static const struct virtio_ops virtio_dev_ops = {
	.vo_kick = virtio_kick,
	.vo_broken = virtio_broken,
};
static const struct vmmci_ops vmmci_dev_ops = {
	.ack = vmmci_acked,
	.time = vmmci_time,
};

static int
disk_init(struct vm *vm, const struct virtio_env *env, uint32_t i, char *err,
    size_t errlen)
{
	char	 name[VIRTIO_BLK_ID_BYTES];

	snprintf(name, sizeof(name), "vioblk%u", i);
	if (vm->vm_start.vst_config.vc_disk_format[i] !=
	    VMD_DISK_FORMAT_RAW) {
		snprintf(err, errlen, "disk %u: only raw images can be used: "
		    "convert it", i);
		return (-1);
	}
	if (vioraw_init(&vm->vm_raw[i], vm->vm_start.vst_disks[i]) == -1) {
		snprintf(err, errlen, "disk %u: %s", i, strerror(errno));
		return (-1);
	}
	if (vioblk_init(&vm->vm_blk[i], env, &vioraw_backend, &vm->vm_raw[i],
	    name, 0) == -1) {
		snprintf(err, errlen, "disk %u: the PCI bus is full", i);
		return (-1);
	}
	return (0);
}

static int
bus_init(struct vm *vm, char *err, size_t errlen)
{
	struct virtio_env	 env = { &vm->vm_pci, &vm->vm_mem.mm_guest,
				    &virtio_dev_ops, vm };
	uint32_t		 i;
	uint16_t		 level;

	pci_init(&vm->vm_pci, &pci_bus_ops, vm);
	if (viornd_init(&vm->vm_rnd, &env, arc4random_buf) == -1)
		goto full;
	for (i = 0; i < vm->vm_start.vst_config.vc_ndisks; i++)
		if (disk_init(vm, &env, i, err, errlen) == -1)
			return (-1);
	if (vmmci_init(&vm->vm_vmmci, &vm->vm_pci, &vmmci_dev_ops, vm) == -1)
		goto full;
	level = pci_irq_mask(&vm->vm_pci);
	i8259_write(&vm->vm_pic, I8259_ELCR1_PORT, level & 0xff);
	i8259_write(&vm->vm_pic, I8259_ELCR2_PORT, level >> 8);
	return (0);
full:
	snprintf(err, errlen, "the PCI bus is full");
	return (-1);
}

static void
rtc_init(struct vm *vm)
{
	uint64_t	 high = 0, main_end = vmmem_main_end(&vm->vm_mem);

	mc146818_init(&vm->vm_rtc, &rtc_ops, vm, clock_ns(CLOCK_REALTIME),
	    vm_now(vm));
	if (vm->vm_mem.mm_size > main_end)
		high = vm->vm_mem.mm_size - main_end;
	mc146818_set_memory(&vm->vm_rtc, main_end, high);
	mc146818_set_cpus(&vm->vm_rtc, vm->vm_start.vst_config.vc_ncpus);
}

int
vm_dev_init(struct vm *vm, char *err, size_t errlen)
{
	vm->vm_epoch = clock_ns(CLOCK_MONOTONIC);
	vm->vm_deadline = UINT64_MAX;
	i8259_init(&vm->vm_pic, &pic_ops, vm);
	i8253_init(&vm->vm_pit, &pit_ops, vm);
	rtc_init(vm);
	ns8250_init(&vm->vm_com1, NS8250_COM1_PORT, &vm_console_ops, vm);
	ports_init(vm);
	return (bus_init(vm, err, errlen));
}

static int
vm_virtio_process(struct vm *vm, struct virtio *v)
{
	int	 more;

	pthread_mutex_lock(&vm->vm_dev_mtx);
	more = virtio_process(v, VIRTIO_BUDGET);
	pthread_mutex_unlock(&vm->vm_dev_mtx);
	return (more);
}

int
vm_dev_process(struct vm *vm)
{
	uint32_t	 i;
	int		 more;

	more = vm_virtio_process(vm, &vm->vm_rnd.vr_virtio);
	for (i = 0; i < vm->vm_start.vst_config.vc_ndisks; i++)
		more |= vm_virtio_process(vm, &vm->vm_blk[i].vb_virtio);
	return (more);
}
