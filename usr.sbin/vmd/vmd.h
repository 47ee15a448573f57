/* SPDX-License-Identifier: ISC */
/*
 * vmd(8): limits, paths, every message between vmctl(8) and the daemon's
 * processes with its payload, and the parent's view of the configuration.
 */
#ifndef _VMD_H_
#define _VMD_H_

#include <sys/types.h>
#include <sys/socket.h>
#include <bsd/sys/queue.h>
#include <limits.h>
#include <stdint.h>
#include <stdnoreturn.h>

#include <dev/vmm/vmm.h>
#include <account.h>	/* lib/libutil */
#include <imsg.h>

#define VMD_USER		"_vmd"
#define VMD_CONF		"/etc/vm.conf"
#define SOCKET_NAME		"/run/vmd.sock"
#define VMM_NODE		"/dev/vmm"

#define VM_NAME_MAX		VMM_MAX_NAME_LEN	/* with the NUL */
#define VM_TTYNAME_MAX		32
#define VM_ARGS_MAX		2048			/* with the NUL */
#define VM_TEXT_MAX		512			/* of an error text */
#define VMD_PATH_MAX		1024			/* with the NUL */

#define VM_MEM_DEFAULT		(512ULL << 20)
#define VM_MEM_MIN		(1ULL << 20)
#define VM_MEM_MAX		VMM_MAX_VM_MEM_SIZE
#define VM_DEFAULT_CPUS		1
#define VM_MAX_CPUS		1	/* of this vmd */

#define VM_START_RATE_SEC	6	/* min. seconds between restarts */
#define VM_START_RATE_LIMIT	3	/* quicker ones than that in a row */
#define VM_STOP_NOACK_SEC	3	/* guest did not see the request */
#define VM_STOP_ACK_SEC		120	/* guest is shutting down */
#define VM_STOP_KILL_SEC	10	/* from SIGTERM to SIGKILL */

#define VMD_DISK_FORMAT_RAW	0x01
#define VMD_DISK_FORMAT_QCOW2	0x02

/* Exit status of a vm process; anything else is a failure. */
#define VMD_EXIT_POWEROFF	0
#define VMD_EXIT_FAIL		1
#define VMD_EXIT_REBOOT		11	/* start the same VM again */

/*
 * Messages. Each line: payload, then who sends it to whom. A request from a
 * client carries the client's payload alone; control puts struct ctl_peer in
 * front of it for the parent. The peerid of the header is the client's number
 * in control between control and the parent, and the vmid between the parent,
 * vmm and vm.
 */
enum imsg_type {
	IMSG_NONE,

	/* Answers without a message of their own */
	IMSG_CTL_OK,		/* none: parent > control > client */
	IMSG_CTL_FAIL,		/* vmop_result: parent > control > client */

	/* Root only */
	IMSG_CTL_VERBOSE,	/* ctl_verbose: client > control > parent > all */
	IMSG_VMDOP_LOAD,	/* vmop_path: client > control > parent; OK */
	IMSG_VMDOP_RELOAD,	/* none: client > control > parent; OK */

	/* Clients' requests and their answers */
	IMSG_VMDOP_START_VM_REQUEST,	/* vmop_create_params: client > parent */
	IMSG_VMDOP_START_VM_RESPONSE,	/* vmop_result: parent > client */
	IMSG_VMDOP_TERMINATE_VM_REQUEST, /* vmop_id: client > parent */
	IMSG_VMDOP_TERMINATE_VM_RESPONSE, /* vmop_result: parent > client */
	IMSG_VMDOP_WAIT_VM_REQUEST,	/* vmop_id: client > parent */
	IMSG_VMDOP_WAIT_VM_RESPONSE,	/* vmop_result: parent > client */
	IMSG_VMDOP_TERMINATE_VM_EVENT,	/* vmop_result: parent > clients
					 * that wait: the VM has ended */
	IMSG_VMDOP_GET_INFO_VM_REQUEST,	/* vmop_id: client > parent */
	IMSG_VMDOP_GET_INFO_VM_DATA,	/* vmop_info_result: parent > client,
					 * one for each VM */
	IMSG_VMDOP_GET_INFO_VM_END_DATA, /* none: parent > client */

	/* A new VM: START, one FD each, END; parent > vmm and vmm > vm */
	IMSG_VMDOP_VM_START,	/* vm_config */
	IMSG_VMDOP_VM_FD,	/* vm_fd, and the descriptor */
	IMSG_VMDOP_VM_END,	/* none */

	/* Life of a VM */
	IMSG_VMDOP_VM_READY,	/* none: vm > vmm: the VCPU is about to run */
	IMSG_VMDOP_VM_FAIL,	/* vm_fail: vm > vmm, before it exits 1 */
	IMSG_VMDOP_VM_STARTED,	/* vm_started: vmm > parent */
	IMSG_VMDOP_VM_ENDED,	/* vm_ended: vmm > parent, also when it could
				 * not be started */
	IMSG_VMDOP_VM_SHUTDOWN,	/* none: parent > vmm > vm: ask the guest to
				 * power off (vmmci) */
	IMSG_VMDOP_VM_SHUTDOWN_ACK, /* none: vm > vmm: the guest has seen it */
	IMSG_VMDOP_VM_STOP,	/* none: parent > vmm: end it by force */

	/* The parent starting a process of its own */
	IMSG_PROC_START,	/* proc_start: parent > control, vmm */
	IMSG_PROC_FD,		/* none, and the descriptor: parent > control
				 * (the listening socket) */
	IMSG_PROC_READY,	/* none: control, vmm > parent: confined */

	IMSG_MAX
};

/* A VM in a request: by id, or when that is 0 by name. */
struct vmop_id {
	uint32_t	vid_id;
	uint32_t	vid_flags;		/* VMOP_FORCE, VMOP_WAIT */
	char		vid_name[VM_NAME_MAX];
};
#define VMOP_FORCE		0x01	/* terminate: do not ask the guest */
#define VMOP_WAIT		0x02	/* terminate: event to follow */
/* GET_INFO with neither id nor name: all VMs. */

struct vmop_path {
	char		vp_path[VMD_PATH_MAX];	/* absolute */
};

struct ctl_verbose {
	int32_t		cv_verbose;		/* 0 to 2 */
};

struct vmop_owner {
	uint32_t	uid;
	uint32_t	gid;			/* VMOP_NOGROUP: no group */
};
#define VMOP_NOGROUP		UINT32_MAX

struct vmop_disk {
	uint32_t	vd_format;		/* VMD_DISK_FORMAT_*, 0: probe */
	char		vd_path[VMD_PATH_MAX];	/* absolute */
};

/*
 * A VM as written in vm.conf or asked for with vmctl start. Paths are
 * absolute. A start request names a VM (by id or name) and, in vmc_flags, the
 * fields that it gives; the others come from vm.conf or the defaults. Disks
 * given are added behind those of vm.conf.
 */
struct vmop_create_params {
	uint32_t		vmc_id;		/* request: 0, by name */
	uint32_t		vmc_flags;	/* VMOP_CREATE_* */
	uint64_t		vmc_memory;	/* bytes, whole MiB */
	uint32_t		vmc_ncpus;
	uint32_t		vmc_ndisks;
	struct vmop_owner	vmc_owner;	/* vm.conf only */
	char			vmc_name[VM_NAME_MAX];
	char			vmc_boot[VMD_PATH_MAX];
	char			vmc_initrd[VMD_PATH_MAX];
	char			vmc_args[VM_ARGS_MAX];
	struct vmop_disk	vmc_disks[VMM_MAX_DISKS_PER_VM];
};
#define VMOP_CREATE_MEMORY	0x01
#define VMOP_CREATE_CPUS	0x02
#define VMOP_CREATE_BOOT	0x04
#define VMOP_CREATE_INITRD	0x08
#define VMOP_CREATE_ARGS	0x10
#define VMOP_CREATE_DISK	0x20
#define VMOP_CREATE_DISABLED	0x40	/* vm.conf: not started with vmd */
#define VMOP_CREATE_OWNER	0x80	/* vm.conf: vmc_owner was set */
#define VMOP_CREATE_REQUEST	0x3f	/* what a client may set */

_Static_assert(sizeof(struct vmop_create_params) <= IMSG_MAX_DATA - 512,
    "a VM's definition and the client's credentials fit one message");

/*
 * An answer about one VM. vmr_result is 0 or an errno; then vmr_text is one
 * printable line that names the VM, what is wrong and the remedy.
 */
struct vmop_result {
	int32_t		vmr_result;
	uint32_t	vmr_id;			/* 0: unknown VM */
	int32_t		vmr_pid;
	uint32_t	vmr_flags;		/* VMOP_RESULT_* */
	char		vmr_name[VM_NAME_MAX];
	char		vmr_tty[VM_TTYNAME_MAX];
	char		vmr_text[VM_TEXT_MAX];
};
#define VMOP_RESULT_ASKED	0x01	/* terminate: the guest was asked */
#define VMOP_RESULT_FORCED	0x02	/* terminate: it was ended by force */

/* vmctl status: one VM. */
struct vmop_info_result {
	uint32_t		vir_id;
	int32_t			vir_pid;	/* 0: not running */
	uint32_t		vir_ncpus;
	uint32_t		vir_state;	/* VM_STATE_* bits */
	uint64_t		vir_maxmem;	/* bytes */
	uint64_t		vir_curmem;	/* bytes */
	struct vmop_owner	vir_owner;
	char			vir_name[VM_NAME_MAX];
	char			vir_tty[VM_TTYNAME_MAX];
};
#define VM_STATE_RUNNING	0x01
#define VM_STATE_DISABLED	0x02
#define VM_STATE_SHUTDOWN	0x04	/* with RUNNING: stopping */
#define VM_STATE_STARTING	0x08	/* with RUNNING: not yet ready */
#define VM_STATE_PAUSED		0x10
#define VM_STATE_WAITING	0x20	/* its staggered start will come */

/* Who a client is, from its socket; in front of each request to the parent. */
#define CTL_MAX_GROUPS		64
struct ctl_peer {
	uint32_t	cp_uid;
	uint32_t	cp_gid;
	uint32_t	cp_ngroups;		/* supplementary */
	uint32_t	cp_groups[CTL_MAX_GROUPS];
};

/* What the vm process is told about its VM; files come as descriptors. */
struct vm_config {
	uint32_t	vc_id;			/* vmd's id, not vmm(4)'s */
	uint32_t	vc_ncpus;
	uint64_t	vc_memory;		/* bytes */
	uint32_t	vc_ndisks;
	uint32_t	vc_disk_format[VMM_MAX_DISKS_PER_VM];
	int32_t		vc_verbose;
	char		vc_name[VM_NAME_MAX];
	char		vc_args[VM_ARGS_MAX];	/* kernel command line */
};

enum vm_fd_kind {
	VM_FD_VMM,		/* an open /dev/vmm of this VM alone */
	VM_FD_KERNEL,		/* O_RDONLY */
	VM_FD_INITRD,		/* O_RDONLY, optional */
	VM_FD_TTY_MASTER,	/* of the console's pty, O_NONBLOCK */
	VM_FD_TTY_SLAVE,	/* keep open: holds the terminal's settings */
	VM_FD_DISK,		/* vf_index below vc_ndisks, O_RDWR, locked */
	VM_FD_KINDS
};

struct vm_fd {
	uint32_t	vf_kind;		/* enum vm_fd_kind */
	uint32_t	vf_index;
};

struct vm_fail {
	int32_t		vf_errno;
	char		vf_text[VM_TEXT_MAX];	/* "cannot load kernel: ..." */
};

struct vm_started {
	int32_t		vs_pid;
};

struct vm_ended {
	int32_t		ve_pid;			/* 0: never came to be */
	int32_t		ve_errno;		/* 0: ended without failure */
	int32_t		ve_reboot;		/* start it again */
	char		ve_text[VM_TEXT_MAX];
};

struct proc_start {
	int32_t		ps_verbose;
	int32_t		ps_foreground;
};

/* A VM being put together, or given on: its configuration and descriptors. */
struct vm_start {
	struct vm_config vst_config;
	int		 vst_fds[VM_FD_DISK];	/* by kind; -1: none */
	int		 vst_disks[VMM_MAX_DISKS_PER_VM];
};

/*
 * The result of reading vm.conf, free of side effects: parse_config() fills
 * one that conf_init() prepared, and the parent applies it as a whole.
 */
struct conf_vm {
	TAILQ_ENTRY(conf_vm)		cv_entry;
	struct vmop_create_params	cv_params;
};

struct vmd_conf {
	TAILQ_HEAD(, conf_vm)	cf_vms;		/* in the file's order */
	struct vmop_owner	cf_socket;	/* socket owner; default 0:0 */
	uint32_t		cf_parallel;	/* staggered start; 0: all */
	uint32_t		cf_delay;	/* seconds */
};

/* config.c: for the parser */
void	 conf_init(struct vmd_conf *);
void	 conf_free(struct vmd_conf *);

/* A VM with all defaults (memory, cpus, owner root) and the given name. */
void	 conf_vm_defaults(struct vmop_create_params *, const char *name);

/*
 * Check a definition and add a copy of it. Returns 0, or -1 with a text of
 * what is wrong (without file and line) in err; a name already in conf is an
 * error.
 */
int	 conf_add_vm(struct vmd_conf *, const struct vmop_create_params *,
	    char *err, size_t errlen);

/* 1 when name is a good VM name: a letter, then letters, digits, ". - _". */
int	 vm_name_ok(const char *);

/*
 * Check all fields of a definition: strings ended, ranges, paths absolute.
 * Returns 0, or an errno with one line in text, that names the VM.
 */
int	 vm_params_check(const struct vmop_create_params *, char *text,
	    size_t textlen);

/* parse.y */

/*
 * Read file into conf. Returns 0, or -1 after logging each error as
 * "file:line: what".
 */
int	 parse_config(const char *file, struct vmd_conf *);

/* A macro "name=value" from the command line. Returns 0, or -1. */
int	 cmdline_symset(char *);

/* vm_start.c: how a VM's start travels */
void	 vm_start_init(struct vm_start *);
void	 vm_start_close(struct vm_start *);	/* its descriptors */

/*
 * Queue START, FD..., END for VM id. All descriptors of the vm_start are
 * given away, also on error. Returns 0, or -1 with errno.
 */
int	 vm_start_send(struct imsgbuf *, uint32_t id, struct vm_start *);

/*
 * Take one of the three messages. Returns 1 when the start is complete and
 * valid, 0 when more has to come, -1 with EBADMSG when it is invalid.
 */
int	 vm_start_take(struct vm_start *, struct imsg *);

/* vm.c */

/*
 * The vm process of one VM. fd is a blocking socket to vmm, on which
 * vm_start_send()'s messages arrive first. Called in a process that is
 * already _vmd in an empty root directory, without capabilities, under the
 * system call filter of vmm, which includes everything of the vm role's; its
 * own, narrower one follows with sandbox_enter(SANDBOX_VM). Returns an exit
 * status, VMD_EXIT_*. SIGTERM and the end of the stream on fd mean: end now,
 * with the disks in order. The limits on a guest's own shutdown
 * (VM_STOP_*_SEC) are vmm's business.
 */
int	 vm_main(int fd);

#endif /* _VMD_H_ */
