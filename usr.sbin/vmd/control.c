/* SPDX-License-Identifier: ISC */
/*
 * The control process: accepts clients on the socket, finds out who they are,
 * and carries one request at a time of each to the parent and its answer
 * back. A client that misbehaves loses its own connection.
 */
#include <sys/socket.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "proc.h"
#include "sandbox.h"
#include "vmd.h"

#define CONTROL_MAX_CLIENTS	128
#define CONTROL_MAX_PER_USER	32	/* root excepted */
#define CONTROL_MAX_QUEUE	4096	/* messages not read by a client */
#define CONTROL_MAX_WAITS	256	/* VMs that one client waits for */
#define CONTROL_ACCEPT_SEC	1	/* pause when out of descriptors */

struct client {
	TAILQ_ENTRY(client)	cl_entry;
	struct chan		cl_chan;
	uint32_t		cl_id;
	struct ctl_peer		cl_peer;
	int			cl_wait;	/* the request asks to wait */
	unsigned int		cl_nwaits;
	uint32_t		cl_waits[CONTROL_MAX_WAITS];
};

static struct {
	struct event_base	*base;
	struct chan		 parent;
	struct event		 accept;
	struct event		 again;
	TAILQ_HEAD(, client)	 clients;
	unsigned int		 nclients;
	uint32_t		 lastid;
} control;

static struct client *
client_by_id(uint32_t id)
{
	struct client *cl;

	TAILQ_FOREACH(cl, &control.clients, cl_entry)
		if (cl->cl_id == id)
			return cl;
	return NULL;
}

static unsigned int
clients_of(uint32_t uid)
{
	struct client *cl;
	unsigned int n = 0;

	TAILQ_FOREACH(cl, &control.clients, cl_entry)
		if (cl->cl_peer.cp_uid == uid)
			n++;
	return n;
}

static void
client_gone(struct chan *ch, const char *why)
{
	struct client *cl = ch->arg;

	if (why != NULL)
		log_debug("client of user %u: %s", cl->cl_peer.cp_uid, why);
	chan_close(ch);
	TAILQ_REMOVE(&control.clients, cl, cl_entry);
	control.nclients--;
	free(cl);
}

static void
client_refuse(struct client *cl)
{
	struct vmop_result vmr = {
		.vmr_result = EPERM,
		.vmr_text = "only root may do this",
	};

	chan_send(&cl->cl_chan, IMSG_CTL_FAIL, 0, -1, &vmr, sizeof(vmr));
}

/* Give a request to the parent, and take no other until it is answered. */
static int
client_request(struct chan *ch, struct imsg *imsg)
{
	struct client *cl = ch->arg;
	struct iovec iov[2] = {
		{ &cl->cl_peer, sizeof(cl->cl_peer) },
		{ imsg->data, imsg_get_len(imsg) },
	};

	if (imsg_composev(&control.parent.ibuf, imsg_get_type(imsg), cl->cl_id,
	    0, -1, iov, imsg->data != NULL ? 2 : 1) == -1)
		return -1;
	chan_queued(&control.parent);
	chan_pause(ch, 1);
	return 0;
}

static int
client_request_vm(struct chan *ch, struct imsg *imsg)
{
	struct client *cl = ch->arg;
	struct vmop_id vid;

	memcpy(&vid, imsg->data, sizeof(vid));
	cl->cl_wait = imsg_get_type(imsg) == IMSG_VMDOP_WAIT_VM_REQUEST ||
	    (imsg_get_type(imsg) == IMSG_VMDOP_TERMINATE_VM_REQUEST &&
	    (vid.vid_flags & VMOP_WAIT));
	return client_request(ch, imsg);
}

static int
client_request_root(struct chan *ch, struct imsg *imsg)
{
	struct client *cl = ch->arg;

	if (cl->cl_peer.cp_uid == 0)
		return client_request(ch, imsg);
	client_refuse(cl);
	return 0;
}

#define SIZE(type)	sizeof(type), sizeof(type), CHAN_NOFD
#define EMPTY		0, 0, CHAN_NOFD

static const struct chan_msg client_msgs[] = {
	{ IMSG_VMDOP_START_VM_REQUEST, SIZE(struct vmop_create_params),
	    client_request },
	{ IMSG_VMDOP_TERMINATE_VM_REQUEST, SIZE(struct vmop_id),
	    client_request_vm },
	{ IMSG_VMDOP_WAIT_VM_REQUEST, SIZE(struct vmop_id),
	    client_request_vm },
	{ IMSG_VMDOP_GET_INFO_VM_REQUEST, SIZE(struct vmop_id),
	    client_request_vm },
	{ IMSG_CTL_VERBOSE, SIZE(struct ctl_verbose), client_request_root },
	{ IMSG_VMDOP_LOAD, SIZE(struct vmop_path), client_request_root },
	{ IMSG_VMDOP_RELOAD, EMPTY, client_request_root },
};

/* Who is at the other end, as the kernel knows it. */
static int
client_peer(int fd, struct ctl_peer *cp)
{
	struct ucred uc;
	socklen_t len = sizeof(uc);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &len) == -1 ||
	    len != sizeof(uc))
		return -1;
	memset(cp, 0, sizeof(*cp));
	cp->cp_uid = uc.uid;
	cp->cp_gid = uc.gid;
	/* In too many groups: they do not count. */
	len = sizeof(cp->cp_groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, cp->cp_groups,
	    &len) == 0)
		cp->cp_ngroups = len / sizeof(cp->cp_groups[0]);
	return 0;
}

static void
client_new(int fd)
{
	struct client *cl;

	if (control.nclients == CONTROL_MAX_CLIENTS ||
	    (cl = calloc(1, sizeof(*cl))) == NULL) {
		close(fd);
		return;
	}
	if (client_peer(fd, &cl->cl_peer) == -1 ||
	    (cl->cl_peer.cp_uid != 0 &&
	    clients_of(cl->cl_peer.cp_uid) >= CONTROL_MAX_PER_USER)) {
		log_debug("client of user %u refused", cl->cl_peer.cp_uid);
		close(fd);
		free(cl);
		return;
	}
	do {
		cl->cl_id = ++control.lastid;
	} while (cl->cl_id == 0 || client_by_id(cl->cl_id) != NULL);
	TAILQ_INSERT_TAIL(&control.clients, cl, cl_entry);
	control.nclients++;
	chan_open(&cl->cl_chan, control.base, fd, client_msgs,
	    sizeof(client_msgs) / sizeof(client_msgs[0]), client_gone, cl);
	cl->cl_chan.maxqueue = CONTROL_MAX_QUEUE;
}

static void
control_accept(int fd, short what, void *arg)
{
	struct timeval tv = { .tv_sec = CONTROL_ACCEPT_SEC };
	int client;

	(void)what;
	(void)arg;
	client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (client != -1) {
		client_new(client);
	} else if (errno == EMFILE || errno == ENFILE) {
		event_del(&control.accept);
		event_add(&control.again, &tv);
	}
}

static void
control_accept_again(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_add(&control.accept, NULL);
}

/* An answer: to the client that asked, if it is still there. */
static struct client *
reply_forward(struct imsg *imsg)
{
	struct client *cl;

	if ((cl = client_by_id(imsg_get_id(imsg))) != NULL)
		chan_send(&cl->cl_chan, imsg_get_type(imsg), 0, -1,
		    imsg->data, imsg_get_len(imsg));
	return cl;
}

static int
reply_more(struct chan *ch, struct imsg *imsg)
{
	(void)ch;
	reply_forward(imsg);
	return 0;
}

/* The last message of an answer: the client may ask for something else. */
static int
reply_last(struct chan *ch, struct imsg *imsg)
{
	struct client *cl;

	(void)ch;
	if ((cl = reply_forward(imsg)) != NULL)
		chan_pause(&cl->cl_chan, 0);
	return 0;
}

/* The same, after which the client may be waiting for the end of the VM. */
static int
reply_wait(struct chan *ch, struct imsg *imsg)
{
	struct client *cl = client_by_id(imsg_get_id(imsg));
	struct vmop_result vmr;

	memcpy(&vmr, imsg->data, sizeof(vmr));
	if (cl != NULL && cl->cl_wait && vmr.vmr_result == 0) {
		if (cl->cl_nwaits < CONTROL_MAX_WAITS)
			cl->cl_waits[cl->cl_nwaits++] = vmr.vmr_id;
		else
			chan_break(&cl->cl_chan, "waits for too many VMs");
	}
	if (cl != NULL)
		cl->cl_wait = 0;
	return reply_last(ch, imsg);
}

/* Forget that a client waits for this VM; 1 when it did. */
static int
client_unwait(struct client *cl, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < cl->cl_nwaits; i++) {
		if (cl->cl_waits[i] != id)
			continue;
		cl->cl_waits[i] = cl->cl_waits[--cl->cl_nwaits];
		return 1;
	}
	return 0;
}

/* A VM has ended: everyone who waits for it learns that. */
static int
reply_event(struct chan *ch, struct imsg *imsg)
{
	struct vmop_result vmr;
	struct client *cl;

	(void)ch;
	memcpy(&vmr, imsg->data, sizeof(vmr));
	TAILQ_FOREACH(cl, &control.clients, cl_entry)
		while (client_unwait(cl, vmr.vmr_id))
			chan_send(&cl->cl_chan, IMSG_VMDOP_TERMINATE_VM_EVENT,
			    0, -1, &vmr, sizeof(vmr));
	return 0;
}

static int
control_verbose(struct chan *ch, struct imsg *imsg)
{
	struct ctl_verbose cv;

	(void)ch;
	memcpy(&cv, imsg->data, sizeof(cv));
	log_setverbose(cv.cv_verbose);
	return 0;
}

static int
control_start(struct chan *ch, struct imsg *imsg)
{
	struct proc_start ps;

	(void)ch;
	memcpy(&ps, imsg->data, sizeof(ps));
	log_setverbose(ps.ps_verbose);
	return 0;
}

/* The socket on which clients arrive. */
static int
control_socket(struct chan *ch, struct imsg *imsg)
{
	int fd = imsg_get_fd(imsg);

	event_assign(&control.accept, control.base, fd, EV_READ | EV_PERSIST,
	    control_accept, NULL);
	event_assign(&control.again, control.base, -1, 0,
	    control_accept_again, NULL);
	event_add(&control.accept, NULL);
	chan_send(ch, IMSG_PROC_READY, 0, -1, NULL, 0);
	return 0;
}

static const struct chan_msg parent_msgs[] = {
	{ IMSG_PROC_START, SIZE(struct proc_start), control_start },
	{ IMSG_PROC_FD, 0, 0, CHAN_FD, control_socket },
	{ IMSG_CTL_VERBOSE, SIZE(struct ctl_verbose), control_verbose },
	{ IMSG_CTL_OK, EMPTY, reply_last },
	{ IMSG_CTL_FAIL, SIZE(struct vmop_result), reply_last },
	{ IMSG_VMDOP_START_VM_RESPONSE, SIZE(struct vmop_result),
	    reply_last },
	{ IMSG_VMDOP_TERMINATE_VM_RESPONSE, SIZE(struct vmop_result),
	    reply_wait },
	{ IMSG_VMDOP_WAIT_VM_RESPONSE, SIZE(struct vmop_result), reply_wait },
	{ IMSG_VMDOP_TERMINATE_VM_EVENT, SIZE(struct vmop_result),
	    reply_event },
	{ IMSG_VMDOP_GET_INFO_VM_DATA, SIZE(struct vmop_info_result),
	    reply_more },
	{ IMSG_VMDOP_GET_INFO_VM_END_DATA, EMPTY, reply_last },
};

static void
parent_gone(struct chan *ch, const char *why)
{
	(void)ch;
	if (why != NULL)
		fatalx("the parent %s", why);
	exit(0);
}

int
control_main(int fd)
{
	sandbox_drop();
	TAILQ_INIT(&control.clients);
	if ((control.base = event_base_new()) == NULL)
		fatalx("cannot make an event loop");
	chan_open(&control.parent, control.base, fd, parent_msgs,
	    sizeof(parent_msgs) / sizeof(parent_msgs[0]), parent_gone, NULL);
	sandbox_landlock(-1);
	sandbox_enter(SANDBOX_CONTROL);
	event_base_dispatch(control.base);
	return 1;
}
