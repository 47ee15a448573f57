/* SPDX-License-Identifier: ISC */
/*
 * What goes over a connection to vmd(8).
 */

#include <err.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmctl.h"

void
client_close(struct client *cl)
{
	imsg_clear(&cl->cl_ibuf);
	close(cl->cl_ibuf.fd);
}

int
client_send(struct client *cl, enum imsg_type type, const void *data,
    size_t len)
{
	if (imsg_compose(&cl->cl_ibuf, type, 0, 0, -1, data, len) == -1 ||
	    imsg_flush(&cl->cl_ibuf) == -1) {
		warn("send to vmd");
		return (-1);
	}
	return (0);
}

int
client_receive(struct client *cl, struct imsg *imsg)
{
	ssize_t	 n;

	for (;;) {
		if ((n = imsg_get(&cl->cl_ibuf, imsg)) > 0)
			return (0);
		if (n == -1)
			break;
		n = imsg_read(&cl->cl_ibuf);
		if (n == 0) {
			warnx("vmd has closed the connection; its log says "
			    "why");
			return (-1);
		}
		if (n == -1 && errno != EINTR && errno != EAGAIN)
			break;
	}
	warn("receive from vmd");
	return (-1);
}

static void
client_unexpected(const struct imsg *imsg)
{
	warnx("vmd sent an answer that this vmctl does not know (type %u, "
	    "%zu bytes); are both of one version?", imsg_get_type(imsg),
	    imsg_get_len(imsg));
}

static void
client_refused(const struct vmop_result *vmr)
{
	if (vmr->vmr_text[0] != '\0')
		warnx("%s", vmr->vmr_text);
	else
		warnx("vmd: %s", strerror(vmr->vmr_result));
}

/* Strings of the daemon end where their arrays end. */
static void
client_end_strings(struct vmop_result *vmr)
{
	vmr->vmr_name[sizeof(vmr->vmr_name) - 1] = '\0';
	vmr->vmr_tty[sizeof(vmr->vmr_tty) - 1] = '\0';
	vmr->vmr_text[sizeof(vmr->vmr_text) - 1] = '\0';
}

/* Take a message as client_result() does, and free it. */
static int
client_take_result(struct imsg *imsg, enum imsg_type type,
    struct vmop_result *vmr)
{
	uint32_t	 got = imsg_get_type(imsg);
	int		 rv = -1;

	memset(vmr, 0, sizeof(*vmr));
	if (got == IMSG_CTL_OK && type == IMSG_CTL_OK)
		rv = 0;
	else if ((got != type && got != IMSG_CTL_FAIL &&
	    got != IMSG_VMDOP_TERMINATE_VM_EVENT) ||
	    imsg_get_data(imsg, vmr, sizeof(*vmr)) == -1)
		client_unexpected(imsg);
	else {
		client_end_strings(vmr);
		if (got == IMSG_VMDOP_TERMINATE_VM_EVENT)
			rv = 1;
		else if (got == IMSG_CTL_FAIL || vmr->vmr_result != 0)
			client_refused(vmr);
		else
			rv = 0;
	}
	imsg_free(imsg);
	return (rv);
}

int
client_result(struct client *cl, enum imsg_type type,
    struct vmop_result *vmr)
{
	struct imsg	 imsg;

	if (client_receive(cl, &imsg) == -1)
		return (-1);
	return (client_take_result(&imsg, type, vmr));
}

int
client_info(struct client *cl, const struct vmop_id *vid,
    void (*each)(const struct vmop_info_result *, void *), void *arg)
{
	struct vmop_id		 all = { .vid_id = 0 };
	struct vmop_info_result	 vir;
	struct vmop_result	 vmr;
	struct imsg		 imsg;

	if (client_send(cl, IMSG_VMDOP_GET_INFO_VM_REQUEST,
	    vid != NULL ? vid : &all, sizeof(all)) == -1)
		return (-1);
	for (;;) {
		if (client_receive(cl, &imsg) == -1)
			return (-1);
		if (imsg_get_type(&imsg) == IMSG_VMDOP_GET_INFO_VM_END_DATA) {
			imsg_free(&imsg);
			return (0);
		}
		if (imsg_get_type(&imsg) != IMSG_VMDOP_GET_INFO_VM_DATA ||
		    imsg_get_data(&imsg, &vir, sizeof(vir)) == -1) {
			client_take_result(&imsg, IMSG_CTL_FAIL, &vmr);
			return (-1);
		}
		imsg_free(&imsg);
		vir.vir_name[sizeof(vir.vir_name) - 1] = '\0';
		vir.vir_tty[sizeof(vir.vir_tty) - 1] = '\0';
		each(&vir, arg);
	}
}

static void
client_info_keep(const struct vmop_info_result *vir, void *arg)
{
	struct vmop_info_result	*keep = arg;

	*keep = *vir;
}

int
client_info_one(struct client *cl, const struct vmop_id *vid,
    struct vmop_info_result *vir)
{
	memset(vir, 0, sizeof(*vir));
	if (client_info(cl, vid, client_info_keep, vir) == -1)
		return (-1);
	if (vir->vir_name[0] == '\0') {
		if (vid->vid_id != 0)
			warnx("vm %u: vm not found; see \"vmctl status\"",
			    vid->vid_id);
		else
			warnx("vm \"%s\": vm not found; see \"vmctl status\"",
			    vid->vid_name);
		return (-1);
	}
	return (0);
}

int
client_simple(enum imsg_type type, const void *data, size_t len)
{
	struct client		 cl;
	struct vmop_result	 vmr;
	int			 rv;

	if (client_open(&cl) == -1)
		return (-1);
	rv = client_send(&cl, type, data, len);
	if (rv == 0)
		rv = client_result(&cl, IMSG_CTL_OK, &vmr);
	client_close(&cl);
	return (rv);
}
