/* SPDX-License-Identifier: ISC */
/*
 * amd64 part of the vmm(4) interface: limits, register state, exit
 * information and the hardware exit codes that VMM_IOC_RUN reports.
 * The machine-independent part, with the ioctls, is <dev/vmm/vmm.h>;
 * including either of the two brings in both.
 */
#ifndef _MACHINE_VMMVAR_H_
#define _MACHINE_VMMVAR_H_

#ifdef __KERNEL__
#include <linux/types.h>
#include <linux/ioctl.h>
#else
#include <sys/types.h>
#include <sys/ioctl.h>
#include <stdint.h>
#endif

#ifndef _VMM_ADDR_TYPES
#define _VMM_ADDR_TYPES
typedef uint64_t paddr_t;
typedef uint64_t vaddr_t;
#endif

/* Limits */
#define VMM_MAX_MEM_RANGES	16
#define VMM_MAX_DISKS_PER_VM	4
#define VMM_MAX_NICS_PER_VM	4
#define VMM_MAX_NAME_LEN	64
#define VMM_MAX_VCPUS		32768	/* on the whole host */
#define VMM_MAX_VCPUS_PER_VM	256
#define VMM_MAX_VM_MEM_SIZE	(128ULL << 30)	/* also the end of GPA space */

/* A VMCALL/VMMCALL at CPL 0 with this in RAX ends the VM. */
#define HVCALL_FORCED_ABORT	0x1234

/* Exit reasons of our own; all others are the CPU's, below. */
#define VM_EXIT_TERMINATED	0xFFFE	/* the VM is being torn down */
#define VM_EXIT_NONE		0xFFFF	/* nothing to do, call RUN again */

/* vm_mem_range.vmr_type */
#define VM_MEM_RAM		0
#define VM_MEM_RESERVED		1	/* memory the guest shall not count */
#define VM_MEM_MMIO		2	/* no memory: accesses exit */

/* vm_info_result.vir_vcpu_state */
#define VCPU_STATE_STOPPED	0
#define VCPU_STATE_RUNNING	1
#define VCPU_STATE_REQTERM	2
#define VCPU_STATE_TERMINATED	3
#define VCPU_STATE_UNKNOWN	4

#define VMM_MODE_UNKNOWN	0
#define VMM_MODE_EPT		1	/* VT-x with EPT */
#define VMM_MODE_RVI		2	/* AMD-V with nested paging */

/* General registers, in the order of their instruction encoding. */
#define VCPU_REGS_RAX		0
#define VCPU_REGS_RCX		1
#define VCPU_REGS_RDX		2
#define VCPU_REGS_RBX		3
#define VCPU_REGS_RSP		4
#define VCPU_REGS_RBP		5
#define VCPU_REGS_RSI		6
#define VCPU_REGS_RDI		7
#define VCPU_REGS_R8		8
#define VCPU_REGS_R9		9
#define VCPU_REGS_R10		10
#define VCPU_REGS_R11		11
#define VCPU_REGS_R12		12
#define VCPU_REGS_R13		13
#define VCPU_REGS_R14		14
#define VCPU_REGS_R15		15
#define VCPU_REGS_RIP		16
#define VCPU_REGS_RFLAGS	17
#define VCPU_REGS_NGPRS		18

#define VCPU_REGS_CR0		0
#define VCPU_REGS_CR2		1
#define VCPU_REGS_CR3		2
#define VCPU_REGS_CR4		3
#define VCPU_REGS_CR8		4
#define VCPU_REGS_XCR0		5
#define VCPU_REGS_PDPTE0	6
#define VCPU_REGS_PDPTE1	7
#define VCPU_REGS_PDPTE2	8
#define VCPU_REGS_PDPTE3	9
#define VCPU_REGS_NCRS		10

/* Segment registers, in the order of their instruction encoding. */
#define VCPU_REGS_ES		0
#define VCPU_REGS_CS		1
#define VCPU_REGS_SS		2
#define VCPU_REGS_DS		3
#define VCPU_REGS_FS		4
#define VCPU_REGS_GS		5
#define VCPU_REGS_LDTR		6
#define VCPU_REGS_TR		7
#define VCPU_REGS_NSREGS	8

#define VCPU_REGS_EFER		0
#define VCPU_REGS_STAR		1
#define VCPU_REGS_LSTAR		2
#define VCPU_REGS_CSTAR		3
#define VCPU_REGS_SFMASK	4
#define VCPU_REGS_KGSBASE	5
#define VCPU_REGS_MISC_ENABLE	6
#define VCPU_REGS_NMSRS		7

#define VCPU_REGS_DR0		0
#define VCPU_REGS_DR1		1
#define VCPU_REGS_DR2		2
#define VCPU_REGS_DR3		3
#define VCPU_REGS_DR6		4
#define VCPU_REGS_DR7		5
#define VCPU_REGS_NDRS		6

/*
 * A segment register with its hidden part. vsi_ar has the layout of bits
 * 8-23 of the high descriptor word, shifted down by 8: type 0-3, S 4,
 * DPL 5-6, P 7, AVL 12, L 13, D/B 14, G 15; bit 16 set means unusable.
 */
struct vcpu_segment_info {
	uint16_t	vsi_sel;
	uint32_t	vsi_limit;
	uint32_t	vsi_ar;
	uint64_t	vsi_base;
};

struct vcpu_reg_state {
	uint64_t			vrs_gprs[VCPU_REGS_NGPRS];
	uint64_t			vrs_crs[VCPU_REGS_NCRS];
	uint64_t			vrs_msrs[VCPU_REGS_NMSRS];
	uint64_t			vrs_drs[VCPU_REGS_NDRS];
	struct vcpu_segment_info	vrs_sregs[VCPU_REGS_NSREGS];
	struct vcpu_segment_info	vrs_gdtr;
	struct vcpu_segment_info	vrs_idtr;
};

/* vm_rwregs_params.vrwp_mask */
#define VM_RWREGS_GPRS		0x1
#define VM_RWREGS_SREGS		0x2	/* with GDTR and IDTR */
#define VM_RWREGS_CRS		0x4
#define VM_RWREGS_MSRS		0x8
#define VM_RWREGS_DRS		0x10
#define VM_RWREGS_ALL		(VM_RWREGS_GPRS | VM_RWREGS_SREGS | \
				 VM_RWREGS_CRS | VM_RWREGS_MSRS | \
				 VM_RWREGS_DRS)

/* vm_rwvmparams_params.vpp_mask */
#define VM_RWVMPARAMS_PVCLOCK_SYSTEM_GPA 0x1
#define VM_RWVMPARAMS_PVCLOCK_VERSION	0x2
#define VM_RWVMPARAMS_ALL	(VM_RWVMPARAMS_PVCLOCK_SYSTEM_GPA | \
				 VM_RWVMPARAMS_PVCLOCK_VERSION)

/* vcpu_inject_event.vie_type; any other value injects nothing. */
#define VCPU_INJECT_NONE	0
#define VCPU_INJECT_INTR	1	/* external interrupt */
#define VCPU_INJECT_EX		2	/* exception */
#define VCPU_INJECT_NMI		3

/* vcpu_inject_event.vie_vector of an exception */
#define VMM_EX_DE		0	/* divide error */
#define VMM_EX_DB		1	/* debug */
#define VMM_EX_NMI		2
#define VMM_EX_BP		3	/* breakpoint */
#define VMM_EX_OF		4	/* overflow */
#define VMM_EX_BR		5	/* bound range */
#define VMM_EX_UD		6	/* undefined opcode */
#define VMM_EX_NM		7	/* no FPU */
#define VMM_EX_DF		8	/* double fault */
#define VMM_EX_TS		10	/* invalid TSS */
#define VMM_EX_NP		11	/* segment not present */
#define VMM_EX_SS		12	/* stack */
#define VMM_EX_GP		13	/* general protection */
#define VMM_EX_PF		14	/* page fault */
#define VMM_EX_MF		16	/* x87 */
#define VMM_EX_AC		17	/* alignment */
#define VMM_EX_MC		18	/* machine check */
#define VMM_EX_XM		19	/* SIMD */
#define VMM_EX_VE		20	/* virtualization */
#define VMM_EX_SX		30	/* security */

struct vcpu_inject_event {
	uint8_t		vie_vector;
	uint32_t	vie_errorcode;
	uint8_t		vie_type;
};

/* vm_exit_inout.vei_dir */
#define VEI_DIR_OUT		0
#define VEI_DIR_IN		1

/* A port access. vrs holds the RIP of the instruction itself. */
struct vm_exit_inout {
	uint8_t		vei_size;	/* 1, 2 or 4 bytes */
	uint8_t		vei_dir;
	uint8_t		vei_rep;	/* has a REP prefix */
	uint8_t		vei_string;	/* INS or OUTS */
	uint8_t		vei_encoding;	/* VT-x: 1: immediate port, 0: DX */
	uint16_t	vei_port;
	uint32_t	vei_data;	/* OUT: the data; IN: for the answer */
	uint8_t		vei_insn_len;
};

/* vm_exit_eptviolation.vee_fault_type */
#define VEE_FAULT_INVALID	0
#define VEE_FAULT_HANDLED	1
#define VEE_FAULT_MMIO_ASSIST	2	/* no memory there */
#define VEE_FAULT_PROTECT	3	/* against VMM_IOC_MPROTECT_EPT */

/* vm_exit_eptviolation.vee_insn_info: which of the fields are valid */
#define VEE_LEN_VALID		0x1
#define VEE_BYTES_VALID		0x2
#define VEE_GPA_VALID		0x4

struct vm_exit_eptviolation {
	uint8_t		vee_fault_type;
	uint8_t		vee_insn_info;
	uint8_t		vee_insn_len;
	uint8_t		vee_insn_bytes[15];
	uint64_t	vee_gpa;
};

struct vm_exit {
	union {
		struct vm_exit_inout		vei;
		struct vm_exit_eptviolation	vee;
	};
	struct vcpu_reg_state	vrs;
	int			cpl;
};

/* VT-x basic exit reasons (Intel SDM 3, appendix C). */
#define VMX_EXIT_NMI				0
#define VMX_EXIT_EXTINT				1
#define VMX_EXIT_TRIPLE_FAULT			2
#define VMX_EXIT_INIT				3
#define VMX_EXIT_SIPI				4
#define VMX_EXIT_IO_SMI				5
#define VMX_EXIT_OTHER_SMI			6
#define VMX_EXIT_INT_WINDOW			7
#define VMX_EXIT_NMI_WINDOW			8
#define VMX_EXIT_TASK_SWITCH			9
#define VMX_EXIT_CPUID				10
#define VMX_EXIT_GETSEC				11
#define VMX_EXIT_HLT				12
#define VMX_EXIT_INVD				13
#define VMX_EXIT_INVLPG				14
#define VMX_EXIT_RDPMC				15
#define VMX_EXIT_RDTSC				16
#define VMX_EXIT_RSM				17
#define VMX_EXIT_VMCALL				18
#define VMX_EXIT_VMCLEAR			19
#define VMX_EXIT_VMLAUNCH			20
#define VMX_EXIT_VMPTRLD			21
#define VMX_EXIT_VMPTRST			22
#define VMX_EXIT_VMREAD				23
#define VMX_EXIT_VMRESUME			24
#define VMX_EXIT_VMWRITE			25
#define VMX_EXIT_VMXOFF				26
#define VMX_EXIT_VMXON				27
#define VMX_EXIT_CR_ACCESS			28
#define VMX_EXIT_MOV_DR				29
#define VMX_EXIT_IO				30
#define VMX_EXIT_RDMSR				31
#define VMX_EXIT_WRMSR				32
#define VMX_EXIT_ENTRY_FAILED_GUEST_STATE	33
#define VMX_EXIT_ENTRY_FAILED_MSR_LOAD		34
#define VMX_EXIT_MWAIT				36
#define VMX_EXIT_MTF				37
#define VMX_EXIT_MONITOR			39
#define VMX_EXIT_PAUSE				40
#define VMX_EXIT_ENTRY_FAILED_MCE		41
#define VMX_EXIT_TPR_BELOW_THRESHOLD		43
#define VMX_EXIT_APIC_ACCESS			44
#define VMX_EXIT_VIRTUALIZED_EOI		45
#define VMX_EXIT_GDTR_IDTR			46
#define VMX_EXIT_LDTR_TR			47
#define VMX_EXIT_EPT_VIOLATION			48
#define VMX_EXIT_EPT_MISCONFIGURATION		49
#define VMX_EXIT_INVEPT				50
#define VMX_EXIT_RDTSCP				51
#define VMX_EXIT_VMX_PREEMPTION_TIMER_EXPIRED	52
#define VMX_EXIT_INVVPID			53
#define VMX_EXIT_WBINVD				54
#define VMX_EXIT_XSETBV				55
#define VMX_EXIT_APIC_WRITE			56
#define VMX_EXIT_RDRAND				57
#define VMX_EXIT_INVPCID			58
#define VMX_EXIT_VMFUNC				59
#define VMX_EXIT_ENCLS				60
#define VMX_EXIT_RDSEED				61
#define VMX_EXIT_PML_FULL			62
#define VMX_EXIT_XSAVES				63
#define VMX_EXIT_XRSTORS			64

/* AMD-V exit codes (AMD APM 2, appendix C). */
#define SVM_VMEXIT_CR0_READ			0x00
#define SVM_VMEXIT_CR15_READ			0x0F
#define SVM_VMEXIT_CR0_WRITE			0x10
#define SVM_VMEXIT_CR15_WRITE			0x1F
#define SVM_VMEXIT_DR0_READ			0x20
#define SVM_VMEXIT_DR15_READ			0x2F
#define SVM_VMEXIT_DR0_WRITE			0x30
#define SVM_VMEXIT_DR15_WRITE			0x3F
#define SVM_VMEXIT_EXCP0			0x40
#define SVM_VMEXIT_EXCP31			0x5F
#define SVM_VMEXIT_INTR				0x60
#define SVM_VMEXIT_NMI				0x61
#define SVM_VMEXIT_SMI				0x62
#define SVM_VMEXIT_INIT				0x63
#define SVM_VMEXIT_VINTR			0x64
#define SVM_VMEXIT_CR0_SEL_WRITE		0x65
#define SVM_VMEXIT_IDTR_READ			0x66
#define SVM_VMEXIT_GDTR_READ			0x67
#define SVM_VMEXIT_LDTR_READ			0x68
#define SVM_VMEXIT_TR_READ			0x69
#define SVM_VMEXIT_IDTR_WRITE			0x6A
#define SVM_VMEXIT_GDTR_WRITE			0x6B
#define SVM_VMEXIT_LDTR_WRITE			0x6C
#define SVM_VMEXIT_TR_WRITE			0x6D
#define SVM_VMEXIT_RDTSC			0x6E
#define SVM_VMEXIT_RDPMC			0x6F
#define SVM_VMEXIT_PUSHF			0x70
#define SVM_VMEXIT_POPF				0x71
#define SVM_VMEXIT_CPUID			0x72
#define SVM_VMEXIT_RSM				0x73
#define SVM_VMEXIT_IRET				0x74
#define SVM_VMEXIT_SWINT			0x75
#define SVM_VMEXIT_INVD				0x76
#define SVM_VMEXIT_PAUSE			0x77
#define SVM_VMEXIT_HLT				0x78
#define SVM_VMEXIT_INVLPG			0x79
#define SVM_VMEXIT_INVLPGA			0x7A
#define SVM_VMEXIT_IOIO				0x7B
#define SVM_VMEXIT_MSR				0x7C
#define SVM_VMEXIT_TASK_SWITCH			0x7D
#define SVM_VMEXIT_FERR_FREEZE			0x7E
#define SVM_VMEXIT_SHUTDOWN			0x7F
#define SVM_VMEXIT_VMRUN			0x80
#define SVM_VMEXIT_VMMCALL			0x81
#define SVM_VMEXIT_VMLOAD			0x82
#define SVM_VMEXIT_VMSAVE			0x83
#define SVM_VMEXIT_STGI				0x84
#define SVM_VMEXIT_CLGI				0x85
#define SVM_VMEXIT_SKINIT			0x86
#define SVM_VMEXIT_RDTSCP			0x87
#define SVM_VMEXIT_ICEBP			0x88
#define SVM_VMEXIT_WBINVD			0x89
#define SVM_VMEXIT_MONITOR			0x8A
#define SVM_VMEXIT_MWAIT			0x8B
#define SVM_VMEXIT_MWAIT_CONDITIONAL		0x8C
#define SVM_VMEXIT_XSETBV			0x8D
#define SVM_VMEXIT_RDPRU			0x8E
#define SVM_VMEXIT_EFER_WRITE_TRAP		0x8F
#define SVM_VMEXIT_INVLPGB			0xA0
#define SVM_VMEXIT_INVPCID			0xA2
#define SVM_VMEXIT_MCOMMIT			0xA3
#define SVM_VMEXIT_TLBSYNC			0xA4
#define SVM_VMEXIT_NPF				0x400
#define SVM_AVIC_INCOMPLETE_IPI			0x401
#define SVM_AVIC_NOACCEL			0x402
#define SVM_VMEXIT_VMGEXIT			0x403
#define SVM_VMEXIT_INVALID			-1

#include <dev/vmm/vmm.h>

#endif /* _MACHINE_VMMVAR_H_ */
