/* SPDX-License-Identifier: ISC */
/* The parent's list of VMs, and the rules about them. */
#ifndef _VMS_H_
#define _VMS_H_

#include "vmd.h"

struct vmd_vm {
	TAILQ_ENTRY(vmd_vm)		vm_entry;
	uint32_t			vm_id;
	uint32_t			vm_state;	/* VM_STATE_* */
	int				vm_from_conf;	/* vm.conf has it */
	struct vmop_create_params	vm_conf;	/* as in vm.conf */
	struct vmop_create_params	vm_params;	/* as it runs */
	uint32_t			vm_uid;		/* who started it */
	uint32_t			vm_client;	/* waits for the start */
	pid_t				vm_pid;
	char				vm_tty[VM_TTYNAME_MAX];
	/* restarts without a pause between them */
	uint64_t			vm_last_start;	/* seconds */
	unsigned int			vm_quick;
};

/* An id stays with its name as long as the daemon runs. */
struct vms_name {
	TAILQ_ENTRY(vms_name)		vn_entry;
	uint32_t			vn_id;
	char				vn_name[VM_NAME_MAX];
};

struct vms {
	TAILQ_HEAD(vms_list, vmd_vm)	vms_list;
	TAILQ_HEAD(, vms_name)		vms_names;
	uint32_t			vms_lastid;
};

void	 vms_init(struct vms *);

/* Add a stopped VM defined by the parameters. NULL: out of memory. */
struct vmd_vm *vms_add(struct vms *, const struct vmop_create_params *,
	    int from_conf);
void	 vms_remove(struct vms *, struct vmd_vm *);
struct vmd_vm *vms_by_id(const struct vms *, uint32_t);
struct vmd_vm *vms_by_name(const struct vms *, const char *);

/* The VM of a request; NULL also when the name does not end in its field. */
struct vmd_vm *vms_find(const struct vms *, uint32_t id,
	    const char name[VM_NAME_MAX]);

/* Count of those that run. */
unsigned int vms_running(const struct vms *);

/* May this user end the VM, or start it as it is defined? */
int	 vm_access(const struct vmd_vm *, const struct ctl_peer *);

/*
 * Put the fields that a start request gives over a definition. Returns 0, or
 * an errno with a text. out is checked by vm_params_check() afterwards.
 */
int	 vm_merge(const struct vmop_create_params *def,
	    const struct vmop_create_params *req,
	    struct vmop_create_params *out, char *text, size_t len);

/* Undo what was asked for one boot, when the VM restarts. */
void	 vm_forget_once(struct vmd_vm *);

/*
 * Count a restart at this time. Returns 0, or -1 when there were too many in
 * too short a time.
 */
int	 vm_rate(struct vmd_vm *, uint64_t now_sec);

/* Write 'vm "name": ...' to text and return error. */
int	 vm_text(char *text, size_t len, int error, const char *name,
	    const char *fmt, ...) __attribute__((__format__(printf, 5, 6)));

/*
 * vm_open.c: open all that a VM needs, as root: kernel, initrd, disks (locked),
 * console and /dev/vmm. Returns 0 and fills the vm_start and tty, or an errno
 * and one line in text; then nothing stays open.
 */
int	 vm_open(const struct vmop_create_params *, struct vm_start *,
	    char tty[VM_TTYNAME_MAX], char *text, size_t len);

/*
 * pty.c: a pseudo terminal for a console, both ends open, the slave raw and
 * owned by owner. Returns 0, or -1 with errno.
 */
int	 pty_open(const struct vmop_owner *, int *master, int *slave,
	    char name[VM_TTYNAME_MAX]);

#endif /* _VMS_H_ */
