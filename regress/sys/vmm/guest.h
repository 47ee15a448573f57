/* SPDX-License-Identifier: ISC */
/*
 * Virtual machines of a few instructions for the regress programs of vmm(4),
 * in any processor mode, and their exits under names that do not depend on
 * the CPU's vendor.
 */
#ifndef _REGRESS_VMM_GUEST_H_
#define _REGRESS_VMM_GUEST_H_

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <dev/vmm/vmm.h>
#include <machine/specialreg.h>

#define VMM_DEVICE	"/dev/vmm"
#define PAGE_BYTES	4096UL

/*
 * Guest-physical layout. All modes with paging map the first 4 GiB one to
 * one, for ring 3 too. Above GUEST_RAM there is nothing.
 */
#define GUEST_GDT	0x1000UL
#define GUEST_TSS	0x1800UL
#define GUEST_IDT	0x2000UL
#define GUEST_PML4	0x3000UL
#define GUEST_PDPT	0x4000UL
#define GUEST_PD	0x5000UL	/* four pages */
#define GUEST_PAE	0x9000UL	/* PDPT of PAE paging */
#define GUEST_PD32	0xa000UL	/* of 32-bit paging */
#define GUEST_STUBS	0xb000UL	/* exception and interrupt handlers */
#define GUEST_RSP0	0xe000UL	/* stack for traps from ring 3 */
#define GUEST_STACK	0xfff0UL
#define GUEST_CODE	0x10000UL
#define GUEST_DATA	0x20000UL	/* from here on it is the test's */
#define GUEST_RAM	0x1000000UL
#define GUEST_HOLE	0x2000000UL	/* no memory here */

/* Selectors */
#define SEL_CODE32	0x08
#define SEL_DATA	0x10
#define SEL_CODE64	0x18
#define SEL_TSS		0x20
#define SEL_UCODE32	0x33
#define SEL_UDATA	0x3b
#define SEL_UCODE64	0x43
#define SEL_CODE16	0x48
#define SEL_DATA16	0x50

enum mode {
	MODE_REAL,
	MODE_FLAT32,		/* protected mode, no paging */
	MODE_PAGED32,		/* 32-bit paging, 4 MiB pages */
	MODE_PAE,
	MODE_LONG
};
#define MODE_COUNT	5

enum exit_kind {
	EXIT_IO,
	EXIT_HLT,
	EXIT_TRIPLE,		/* triple fault */
	EXIT_WINDOW,		/* the guest can take an interrupt */
	EXIT_FAULT,		/* nested page fault */
	EXIT_NONE,
	EXIT_TERMINATED,
	EXIT_OTHER
};

#define GUEST_CPUS	4	/* that a struct guest can run */

struct cpu {
	struct vm_run_params	vrp;
	struct vm_exit		exit;
	bool			io_open; /* step over it at the next RUN */
};

struct guest {
	int		 fd;
	uint32_t	 id;
	enum mode	 mode;
	uint8_t		*ram;		/* GPA 0 to GUEST_RAM */
	struct cpu	 cpu[GUEST_CPUS];
};

/* What a guest's handler for a vector finds on its stack. */
struct trap {
	unsigned int	vector;
	uint64_t	error;		/* 0 where there is none */
	uint64_t	rip;
	uint64_t	cs;
	uint64_t	rflags;
	uint64_t	rip_gpa;	/* where the return RIP is */
};

/* Code for a guest, assembled as data: name, and name##_end behind it. */
#define GUEST_CODE_BITS(bits, name, text)				\
extern const uint8_t name[], name##_end[];				\
__asm__(".pushsection .rodata\n"					\
    ".code" #bits "\n"							\
    #name ":\n" text "\n"						\
    #name "_end:\n"							\
    ".code64\n"								\
    ".popsection\n")
#define CODE16(name, text)	GUEST_CODE_BITS(16, name, text)
#define CODE32(name, text)	GUEST_CODE_BITS(32, name, text)
#define CODE64(name, text)	GUEST_CODE_BITS(64, name, text)

/* True on AMD-V, false on VT-x. */
bool	host_is_svm(void);
bool	host_has_avx(void);
/* QEMU's emulated CPU does not make some checks that every real one makes. */
bool	host_is_qemu(void);
bool	host_is_bochs(void);
/* Skip the test where a guest that steps single would take the host down. */
void	single_step_or_skip(void);

/* Memory of size bytes, filled with zeroes on demand. */
void	*memory_alloc(size_t size);

/* Open the device; fails the test if it cannot. */
int	 vmm_open(void);

/* Arguments for VMM_IOC_CREATE: ncpus VCPUs, and size bytes at va as RAM. */
void	 create_params(struct vm_create_params *, size_t ncpus, void *va,
	    size_t size);

/*
 * Make a VM with RAM up to GUEST_RAM and nothing in it, owned by a newly
 * opened file. guest_create_on uses memory and a file of the caller.
 */
void	 guest_create(struct guest *, size_t ncpus);
void	 guest_create_on(struct guest *, int fd, size_t ncpus, void *ram);
void	 guest_destroy(struct guest *);

/* The state in which guest_start leaves VCPU `cpu' in this mode. */
void	 guest_init_state(struct vcpu_reg_state *, enum mode, unsigned int cpu);

/* Write GDT, IDT, TSS, handlers and page tables for the mode. */
void	 guest_tables(struct guest *, enum mode);

/*
 * Load the code at GUEST_CODE, and reset VCPU 0, or this one, to its start in
 * the mode. Interrupts are off. `code' is the name of a CODE* above.
 */
#define guest_start(g, m, code)						\
	guest_start_cpu(g, 0, m, GUEST_CODE, code, code##_end)
void	 guest_start_cpu(struct guest *, unsigned int cpu, enum mode,
	    uint64_t gpa, const uint8_t *start, const uint8_t *end);
void	 guest_reset(struct guest *, unsigned int cpu,
	    const struct vcpu_reg_state *);
void	 guest_load(struct guest *, uint64_t gpa, const uint8_t *start,
	    const uint8_t *end);

/*
 * Run until an exit other than EXIT_NONE, with port accesses of the last exit
 * completed. The *_once forms return EXIT_NONE as well; the
 * vcpu_ioctl_run forms are the bare ioctl, with errno, as the test set it up.
 */
enum exit_kind	guest_run(struct guest *);
enum exit_kind	guest_run_once(struct guest *);
enum exit_kind	vcpu_run(struct guest *, unsigned int cpu);
enum exit_kind	vcpu_run_once(struct guest *, unsigned int cpu);
int		vcpu_ioctl_run(struct guest *, unsigned int cpu);
int		vcpu_ioctl_run_once(struct guest *, unsigned int cpu);
enum exit_kind	exit_kind(uint16_t reason);
const char	*exit_name(enum exit_kind);

/* Fail the test unless VCPU 0 next exits like this. */
void	 expect_exit(struct guest *, enum exit_kind);
void	 expect_hlt(struct guest *);
void	 expect_out(struct guest *, uint16_t port, uint32_t data);
void	 expect_in(struct guest *, uint16_t port, uint32_t answer);
/* The guest enters its handler for this vector; guest_run returns from it. */
void	 expect_trap(struct guest *, unsigned int vector, struct trap *);
/* A nested fault at this address, of this VEE_FAULT_* type. */
void	 expect_fault(struct guest *, uint8_t type, uint64_t gpa);

/* Whether the CPU pushes an error code for this exception. */
bool	 vector_has_error(unsigned int vector);

/* Whether VCPU 0's last exit is from a handler, and which. */
bool	 trap_get(struct guest *, struct trap *);
/* Let the handler return n bytes behind the faulting instruction. */
void	 trap_skip(struct guest *, const struct trap *, unsigned int n);

/* Registers of VCPU 0 at its last exit. */
uint64_t	 gpr(const struct guest *, unsigned int reg);

/*
 * Whole register groups of VCPU 0, as by READREGS and WRITEREGS. Writing the
 * general ones replaces what is open from the last exit.
 */
void	 regs_read(struct guest *, struct vcpu_reg_state *);
void	 regs_write(struct guest *, uint64_t mask,
	    const struct vcpu_reg_state *);
void	 gpr_write(struct guest *, unsigned int reg, uint64_t val);
/* Fail the test, with the first difference, unless the groups in mask agree. */
void	 regs_expect(uint64_t mask, const struct vcpu_reg_state *got,
	    const struct vcpu_reg_state *want);

/*
 * A thread that runs a VCPU whose code counts up at GUEST_DATA, until an exit
 * other than EXIT_NONE or, with `once', until the first exit at all after the
 * guest has counted. (RUN may return EXIT_NONE whenever the host likes.)
 * runner_start returns when the guest has counted; runner_join fails the test
 * unless the thread ends within some seconds. A RUN that finds the VM gone
 * counts as EXIT_TERMINATED. Code that spins has interrupts on, as Bochs does
 * not let the host's interrupts end a guest of AMD-V that was entered with
 * them off.
 */
struct runner {
	pthread_t	 thread;
	struct guest	*g;
	unsigned int	 cpu;
	bool		 once;
	uint64_t	 before;	/* the count */
	volatile unsigned int returns;	/* of RUN */
	volatile int	 ended;
	enum exit_kind	 kind;
};

void		 runner_start(struct runner *, struct guest *,
		    unsigned int cpu, bool once);
enum exit_kind	 runner_join(struct runner *);

/* Wait until the guest has counted on at GUEST_DATA. */
void		 guest_wait_count(struct guest *);

/* Set what the next RUN of VCPU 0 injects. */
void	 inject(struct guest *, uint8_t type, uint8_t vector, uint32_t error);

/* Guest RAM as 64-bit words. */
uint64_t	 ram_read(const struct guest *, uint64_t gpa);
void		 ram_write(struct guest *, uint64_t gpa, uint64_t val);

#endif /* _REGRESS_VMM_GUEST_H_ */
