/* SPDX-License-Identifier: ISC */
/*
 * Virtual machines for the regress programs of vmm(4): creating, running and
 * looking at them. What is in their memory is made in guest_tables.c.
 */

#include <sys/mman.h>

#include <cpuid.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "guest.h"
#include "harness.h"

#define PORT_TRAP	0xee	/* where the handlers of a guest report */
#define STUB_BYTES	16	/* of each of them */
#define RUN_LIMIT	1000000	/* RUNs without an exit */
#define GARBAGE		0xa5

#define ACPI_FADT	"/sys/firmware/acpi/tables/FACP"
#define ACPI_OEMID	10	/* offset */

/* EBX of CPUID leaf 0: the start of the vendor's name */
#define VENDOR_AMD	0x68747541	/* "Auth" */
#define VENDOR_HYGON	0x6f677948	/* "Hygo" */
#define HYPERVISOR_TCG	0x54474354	/* "TCGT", leaf 0x40000000 */

bool
host_is_svm(void)
{
	unsigned int eax, ebx, ecx, edx;

	__cpuid(0, eax, ebx, ecx, edx);
	return ebx == VENDOR_AMD || ebx == VENDOR_HYGON;
}

bool
host_is_qemu(void)
{
	unsigned int eax, ebx, ecx, edx;

	__cpuid(0x40000000, eax, ebx, ecx, edx);
	return ebx == HYPERVISOR_TCG;
}

bool
host_is_bochs(void)
{
	char oem[6] = "";
	int fd;

	if ((fd = open(ACPI_FADT, O_RDONLY)) == -1)
		return false;
	if (pread(fd, oem, sizeof(oem), ACPI_OEMID) != sizeof(oem))
		oem[0] = '\0';
	close(fd);
	/* QEMU's firmware says the same. */
	return memcmp(oem, "BOCHS ", sizeof(oem)) == 0 && !host_is_qemu();
}

bool
host_has_avx(void)
{
	unsigned int eax, ebx, ecx, edx;

	__cpuid(1, eax, ebx, ecx, edx);
	return (ecx & bit_OSXSAVE) != 0 && (ecx & bit_AVX) != 0;
}

/*
 * Bochs raises the trap of an instruction that exits after the exit, in the
 * host, before anything of the host's state is back.
 */
void
single_step_or_skip(void)
{
	if (host_is_svm() && host_is_bochs())
		test_skip("Bochs gives the trap to the host");
}

void *
memory_alloc(size_t size)
{
	void *p;

	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		FAIL("mmap of %zu bytes: %s", size, strerror(errno));
	return p;
}

int
vmm_open(void)
{
	int fd;

	if ((fd = open(VMM_DEVICE, O_RDWR | O_CLOEXEC)) == -1)
		FAIL("%s: %s", VMM_DEVICE, strerror(errno));
	return fd;
}

void
create_params(struct vm_create_params *vcp, size_t ncpus, void *va, size_t size)
{
	memset(vcp, 0, sizeof(*vcp));
	vcp->vcp_ncpus = ncpus;
	vcp->vcp_nmemranges = 1;
	vcp->vcp_memranges[0].vmr_va = (uintptr_t)va;
	vcp->vcp_memranges[0].vmr_size = size;
	vcp->vcp_memranges[0].vmr_type = VM_MEM_RAM;
	memcpy(vcp->vcp_name, "regress", sizeof("regress"));
}

void
guest_create_on(struct guest *g, int fd, size_t ncpus, void *ram)
{
	struct vm_create_params vcp;
	unsigned int i;

	memset(g, 0, sizeof(*g));
	g->fd = fd;
	g->ram = ram;
	create_params(&vcp, ncpus, ram, GUEST_RAM);
	CHECK_OK(ioctl(fd, VMM_IOC_CREATE, &vcp));
	g->id = vcp.vcp_id;
	/* Clients leave what they do not use as it is. */
	memset(&g->cpu, GARBAGE, sizeof(g->cpu));
	for (i = 0; i < GUEST_CPUS; i++) {
		g->cpu[i].io_open = false;
		g->cpu[i].vrp.vrp_vm_id = g->id;
		g->cpu[i].vrp.vrp_vcpu_id = i;
		g->cpu[i].vrp.vrp_intr_pending = 0;
		g->cpu[i].vrp.vrp_exit = &g->cpu[i].exit;
	}
}

void
guest_create(struct guest *g, size_t ncpus)
{
	guest_create_on(g, vmm_open(), ncpus, memory_alloc(GUEST_RAM));
}

void
guest_destroy(struct guest *g)
{
	struct vm_terminate_params vtp = { .vtp_vm_id = g->id };

	CHECK_OK(ioctl(g->fd, VMM_IOC_TERM, &vtp));
	close(g->fd);
	munmap(g->ram, GUEST_RAM);
}

void
guest_load(struct guest *g, uint64_t gpa, const uint8_t *start,
    const uint8_t *end)
{
	if (gpa > GUEST_RAM || (size_t)(end - start) > GUEST_RAM - gpa)
		FAIL("code of %td bytes at %#llx is outside RAM", end - start,
		    (unsigned long long)gpa);
	memcpy(g->ram + gpa, start, (size_t)(end - start));
}

void
guest_reset(struct guest *g, unsigned int cpu,
    const struct vcpu_reg_state *state)
{
	struct vm_resetcpu_params vrp;

	memset(&vrp, 0, sizeof(vrp));
	vrp.vrp_vm_id = g->id;
	vrp.vrp_vcpu_id = cpu;
	vrp.vrp_init_state = *state;
	CHECK_OK(ioctl(g->fd, VMM_IOC_RESETCPU, &vrp));
	g->cpu[cpu].io_open = false;
}

void
guest_start_cpu(struct guest *g, unsigned int cpu, enum mode mode,
    uint64_t gpa, const uint8_t *start, const uint8_t *end)
{
	struct vcpu_reg_state state;

	g->mode = mode;
	guest_tables(g, mode);
	guest_load(g, gpa, start, end);
	guest_init_state(&state, mode, cpu);
	if (mode == MODE_REAL) {
		state.vrs_sregs[VCPU_REGS_CS].vsi_sel = gpa >> 4;
		state.vrs_sregs[VCPU_REGS_CS].vsi_base = gpa;
		state.vrs_gprs[VCPU_REGS_RIP] = 0;
	} else {
		state.vrs_gprs[VCPU_REGS_RIP] = gpa;
	}
	guest_reset(g, cpu, &state);
}

struct exit_code {
	uint16_t	svm;
	uint16_t	vmx;
	enum exit_kind	kind;
	const char	*name;
};

static const struct exit_code exit_codes[] = {
	{ SVM_VMEXIT_IOIO, VMX_EXIT_IO, EXIT_IO, "IO" },
	{ SVM_VMEXIT_HLT, VMX_EXIT_HLT, EXIT_HLT, "HLT" },
	{ SVM_VMEXIT_SHUTDOWN, VMX_EXIT_TRIPLE_FAULT, EXIT_TRIPLE, "TRIPLE" },
	{ SVM_VMEXIT_VINTR, VMX_EXIT_INT_WINDOW, EXIT_WINDOW, "WINDOW" },
	{ SVM_VMEXIT_NPF, VMX_EXIT_EPT_VIOLATION, EXIT_FAULT, "FAULT" },
	{ VM_EXIT_NONE, VM_EXIT_NONE, EXIT_NONE, "NONE" },
	{ VM_EXIT_TERMINATED, VM_EXIT_TERMINATED, EXIT_TERMINATED,
	    "TERMINATED" },
};
#define EXIT_CODES	(sizeof(exit_codes) / sizeof(exit_codes[0]))

enum exit_kind
exit_kind(uint16_t reason)
{
	bool svm = host_is_svm();
	size_t i;

	for (i = 0; i < EXIT_CODES; i++)
		if (reason == (svm ? exit_codes[i].svm : exit_codes[i].vmx))
			return exit_codes[i].kind;
	return EXIT_OTHER;
}

const char *
exit_name(enum exit_kind kind)
{
	size_t i;

	for (i = 0; i < EXIT_CODES; i++)
		if (exit_codes[i].kind == kind)
			return exit_codes[i].name;
	return "other";
}

int
vcpu_ioctl_run_once(struct guest *g, unsigned int cpu)
{
	return ioctl(g->fd, VMM_IOC_RUN, &g->cpu[cpu].vrp);
}

int
vcpu_ioctl_run(struct guest *g, unsigned int cpu)
{
	struct vm_run_params *vrp = &g->cpu[cpu].vrp;
	unsigned int i;
	int error = 0;

	for (i = 0; i < RUN_LIMIT; i++) {
		error = vcpu_ioctl_run_once(g, cpu);
		if (error != 0 || vrp->vrp_exit_reason != VM_EXIT_NONE)
			break;
		/* The driver has it; it shall not come twice. */
		vrp->vrp_inject.vie_type = VCPU_INJECT_NONE;
	}
	return error;
}

enum exit_kind
vcpu_run_once(struct guest *g, unsigned int cpu)
{
	struct cpu *c = &g->cpu[cpu];
	enum exit_kind kind;

	if (c->io_open)
		c->exit.vrs.vrs_gprs[VCPU_REGS_RIP] += c->exit.vei.vei_insn_len;
	c->io_open = false;
	CHECK_OK(vcpu_ioctl_run_once(g, cpu));
	c->vrp.vrp_inject.vie_type = VCPU_INJECT_NONE;
	c->vrp.vrp_intr_pending = 0;
	kind = exit_kind(c->vrp.vrp_exit_reason);
	c->io_open = kind == EXIT_IO && !c->exit.vei.vei_string;
	return kind;
}

enum exit_kind
vcpu_run(struct guest *g, unsigned int cpu)
{
	struct vm_run_params *vrp = &g->cpu[cpu].vrp;
	uint8_t pending = vrp->vrp_intr_pending;
	enum exit_kind kind;
	unsigned int i;

	for (i = 0; i < RUN_LIMIT; i++) {
		if ((kind = vcpu_run_once(g, cpu)) != EXIT_NONE)
			return kind;
		vrp->vrp_intr_pending = pending;
	}
	FAIL("nothing but EXIT_NONE after %d RUNs", RUN_LIMIT);
}

enum exit_kind
guest_run(struct guest *g)
{
	return vcpu_run(g, 0);
}

enum exit_kind
guest_run_once(struct guest *g)
{
	return vcpu_run_once(g, 0);
}

uint64_t
gpr(const struct guest *g, unsigned int reg)
{
	return g->cpu[0].exit.vrs.vrs_gprs[reg];
}

/* What happened, for a test that expected something else. */
static const char *
exit_text(struct guest *g)
{
	static char text[160];
	const struct vm_exit *e = &g->cpu[0].exit;
	uint16_t reason = g->cpu[0].vrp.vrp_exit_reason;
	unsigned long long rip = gpr(g, VCPU_REGS_RIP);
	struct trap t;
	int n;

	n = snprintf(text, sizeof(text), "%s (reason %#x) at RIP %#llx",
	    exit_name(exit_kind(reason)), reason, rip);
	if (trap_get(g, &t))
		snprintf(text + n, sizeof(text) - n,
		    ": vector %u, error %#llx, from RIP %#llx", t.vector,
		    (unsigned long long)t.error, (unsigned long long)t.rip);
	else if (exit_kind(reason) == EXIT_IO)
		snprintf(text + n, sizeof(text) - n, ": port %#x data %#x",
		    e->vei.vei_port, e->vei.vei_data);
	else if (exit_kind(reason) == EXIT_FAULT)
		snprintf(text + n, sizeof(text) - n, ": type %u GPA %#llx",
		    e->vee.vee_fault_type, (unsigned long long)e->vee.vee_gpa);
	return text;
}

void
expect_exit(struct guest *g, enum exit_kind want)
{
	if (guest_run(g) != want)
		FAIL("want an exit %s, got %s", exit_name(want), exit_text(g));
}

void
expect_hlt(struct guest *g)
{
	expect_exit(g, EXIT_HLT);
}

void
expect_out(struct guest *g, uint16_t port, uint32_t data)
{
	const struct vm_exit_inout *vei = &g->cpu[0].exit.vei;

	if (guest_run(g) != EXIT_IO || vei->vei_dir != VEI_DIR_OUT ||
	    vei->vei_port != port || vei->vei_data != data)
		FAIL("want an OUT of %#x to port %#x, got %s", data, port,
		    exit_text(g));
}

void
expect_in(struct guest *g, uint16_t port, uint32_t answer)
{
	struct vm_exit_inout *vei = &g->cpu[0].exit.vei;

	if (guest_run(g) != EXIT_IO || vei->vei_dir != VEI_DIR_IN ||
	    vei->vei_port != port)
		FAIL("want an IN from port %#x, got %s", port, exit_text(g));
	vei->vei_data = answer;
}

void
expect_fault(struct guest *g, uint8_t type, uint64_t gpa)
{
	const struct vm_exit_eptviolation *vee = &g->cpu[0].exit.vee;

	if (guest_run(g) != EXIT_FAULT || vee->vee_fault_type != type ||
	    (vee->vee_insn_info & VEE_GPA_VALID) == 0 || vee->vee_gpa != gpa)
		FAIL("want a fault of type %u at GPA %#llx, got %s", type,
		    (unsigned long long)gpa, exit_text(g));
}

/* The n'th word of the handler's stack frame. */
static uint64_t
frame_word(const struct guest *g, uint64_t sp, unsigned int n)
{
	unsigned int size;
	uint64_t word = 0;

	size = g->mode == MODE_LONG ? 8 : g->mode == MODE_REAL ? 2 : 4;
	if (sp + (n + 1) * size > GUEST_RAM)
		FAIL("the stack is outside RAM: %#llx",
		    (unsigned long long)sp);
	memcpy(&word, g->ram + sp + n * size, size);
	return word;
}

bool
trap_get(struct guest *g, struct trap *t)
{
	const struct vm_exit *e = &g->cpu[0].exit;
	const struct vcpu_segment_info *cs = &e->vrs.vrs_sregs[VCPU_REGS_CS];
	uint64_t sp, pc;
	unsigned int n = 0;

	if (exit_kind(g->cpu[0].vrp.vrp_exit_reason) != EXIT_IO ||
	    e->vei.vei_port != PORT_TRAP || e->vei.vei_dir != VEI_DIR_OUT)
		return false;
	pc = cs->vsi_base + gpr(g, VCPU_REGS_RIP) - GUEST_STUBS;
	if (pc >= 256 * STUB_BYTES || pc % STUB_BYTES != 0)
		return false;
	memset(t, 0, sizeof(*t));
	t->vector = pc / STUB_BYTES;
	sp = gpr(g, VCPU_REGS_RSP);
	if (g->mode != MODE_REAL && vector_has_error(t->vector))
		t->error = frame_word(g, sp, n++);
	t->rip_gpa = sp + n * (g->mode == MODE_LONG ? 8 :
	    g->mode == MODE_REAL ? 2 : 4);
	t->rip = frame_word(g, sp, n);
	t->cs = frame_word(g, sp, n + 1);
	t->rflags = frame_word(g, sp, n + 2);
	return true;
}

void
expect_trap(struct guest *g, unsigned int vector, struct trap *t)
{
	struct trap any;

	if (t == NULL)
		t = &any;
	if (guest_run(g) != EXIT_IO || !trap_get(g, t) || t->vector != vector)
		FAIL("want vector %u in its handler, got %s", vector,
		    exit_text(g));
}

void
trap_skip(struct guest *g, const struct trap *t, unsigned int n)
{
	uint64_t rip = t->rip + n;

	memcpy(g->ram + t->rip_gpa, &rip, g->mode == MODE_LONG ? 8 :
	    g->mode == MODE_REAL ? 2 : 4);
}

void
regs_read(struct guest *g, struct vcpu_reg_state *vrs)
{
	struct vm_rwregs_params vrwp;

	memset(&vrwp, 0, sizeof(vrwp));
	vrwp.vrwp_vm_id = g->id;
	vrwp.vrwp_mask = VM_RWREGS_ALL;
	CHECK_OK(ioctl(g->fd, VMM_IOC_READREGS, &vrwp));
	*vrs = vrwp.vrwp_regs;
}

void
regs_write(struct guest *g, uint64_t mask, const struct vcpu_reg_state *vrs)
{
	struct vm_rwregs_params vrwp;

	memset(&vrwp, 0, sizeof(vrwp));
	vrwp.vrwp_vm_id = g->id;
	vrwp.vrwp_mask = mask;
	vrwp.vrwp_regs = *vrs;
	CHECK_OK(ioctl(g->fd, VMM_IOC_WRITEREGS, &vrwp));
	if (mask & VM_RWREGS_GPRS) {
		memcpy(g->cpu[0].exit.vrs.vrs_gprs, vrs->vrs_gprs,
		    sizeof(vrs->vrs_gprs));
		g->cpu[0].io_open = false;
	}
}

void
gpr_write(struct guest *g, unsigned int reg, uint64_t val)
{
	struct vcpu_reg_state vrs;

	regs_read(g, &vrs);
	vrs.vrs_gprs[reg] = val;
	regs_write(g, VM_RWREGS_GPRS, &vrs);
}

void
inject(struct guest *g, uint8_t type, uint8_t vector, uint32_t error)
{
	struct vcpu_inject_event *vie = &g->cpu[0].vrp.vrp_inject;

	vie->vie_type = type;
	vie->vie_vector = vector;
	vie->vie_errorcode = error;
}

uint64_t
ram_read(const struct guest *g, uint64_t gpa)
{
	uint64_t val;

	memcpy(&val, g->ram + gpa, sizeof(val));
	return val;
}

void
ram_write(struct guest *g, uint64_t gpa, uint64_t val)
{
	memcpy(g->ram + gpa, &val, sizeof(val));
}
