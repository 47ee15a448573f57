/* SPDX-License-Identifier: ISC */
/*
 * imsg_init(3): framed messages with descriptors over a Unix stream socket.
 * Nothing that arrives is trusted: a peer that breaks the framing, or sends
 * descriptors that belong to no message, makes its own connection unusable.
 */
#include <sys/socket.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg.h"

/* Descriptors that may be waiting for the rest of their messages. */
#define IMSG_MAX_FDS	16

void
imsg_init(struct imsgbuf *ibuf, int fd)
{
	memset(ibuf, 0, sizeof(*ibuf));
	TAILQ_INIT(&ibuf->fds);
	msgbuf_init(&ibuf->w);
	ibuf->w.fd = fd;
	ibuf->fd = fd;
	ibuf->pid = getpid();
}

static int
imsg_fd_dequeue(struct imsgbuf *ibuf)
{
	struct imsg_fd *entry;
	int fd;

	if ((entry = TAILQ_FIRST(&ibuf->fds)) == NULL)
		return -1;
	TAILQ_REMOVE(&ibuf->fds, entry, entry);
	ibuf->nfds--;
	fd = entry->fd;
	free(entry);
	return fd;
}

void
imsg_clear(struct imsgbuf *ibuf)
{
	int fd;

	while ((fd = imsg_fd_dequeue(ibuf)) != -1)
		close(fd);
	msgbuf_clear(&ibuf->w);
	ibuf->rlen = 0;
}

/* Keep a descriptor that came in, or close it. */
static int
imsg_fd_enqueue(struct imsgbuf *ibuf, int fd)
{
	struct imsg_fd *entry;

	if (ibuf->nfds >= IMSG_MAX_FDS) {
		close(fd);
		errno = EBADMSG;
		return -1;
	}
	if ((entry = malloc(sizeof(*entry))) == NULL) {
		close(fd);
		return -1;
	}
	entry->fd = fd;
	TAILQ_INSERT_TAIL(&ibuf->fds, entry, entry);
	ibuf->nfds++;
	return 0;
}

/* Take all descriptors of a received control message, also after an error. */
static int
imsg_fd_receive(struct imsgbuf *ibuf, struct msghdr *msg)
{
	struct cmsghdr *cmsg;
	size_t i, n;
	int fd, error = 0;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	    cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int),
			    sizeof(int));
			if (imsg_fd_enqueue(ibuf, fd) == -1)
				error = errno;
		}
	}
	if (msg->msg_flags & MSG_CTRUNC)
		error = EMFILE;
	errno = error;
	return error != 0 ? -1 : 0;
}

ssize_t
imsg_read(struct imsgbuf *ibuf)
{
	union {
		struct cmsghdr	hdr;
		char		buf[CMSG_SPACE(sizeof(int) * IMSG_MAX_FDS)];
	} ctl;
	struct iovec iov;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (ibuf->rlen == sizeof(ibuf->rbuf)) {
		errno = ENOBUFS;
		return -1;
	}
	iov.iov_base = ibuf->rbuf + ibuf->rlen;
	iov.iov_len = sizeof(ibuf->rbuf) - ibuf->rlen;
	msg.msg_control = ctl.buf;
	msg.msg_controllen = sizeof(ctl.buf);
	do {
		n = recvmsg(ibuf->fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == ECONNRESET ? 0 : -1;
	if (imsg_fd_receive(ibuf, &msg) == -1)
		return -1;
	ibuf->rlen += n;
	return n;
}

/* The header of the first message, when it is complete and possible. */
static ssize_t
imsg_peek(const struct imsgbuf *ibuf, struct imsg_hdr *hdr)
{
	if (ibuf->rlen < sizeof(*hdr))
		return 0;
	memcpy(hdr, ibuf->rbuf, sizeof(*hdr));
	if (hdr->len < sizeof(*hdr) || hdr->len > MAX_IMSGSIZE) {
		errno = ERANGE;
		return -1;
	}
	if (hdr->flags & ~IMSGF_HASFD) {
		errno = EBADMSG;
		return -1;
	}
	if (ibuf->rlen < hdr->len)
		return 0;
	return hdr->len;
}

ssize_t
imsg_get(struct imsgbuf *ibuf, struct imsg *imsg)
{
	struct imsg m = { 0 };
	ssize_t n;

	if ((n = imsg_peek(ibuf, &m.hdr)) <= 0)
		return n;
	if ((m.buf = ibuf_open(n)) == NULL)
		return -1;
	if (m.hdr.flags & IMSGF_HASFD) {
		m.buf->fd = imsg_fd_dequeue(ibuf);
		if (m.buf->fd == -1) {
			ibuf_free(m.buf);
			errno = EBADMSG;
			return -1;
		}
	}
	ibuf_add(m.buf, ibuf->rbuf, n);
	ibuf_skip(m.buf, sizeof(m.hdr));
	if (ibuf_size(m.buf) != 0)
		m.data = ibuf_data(m.buf);
	ibuf->rlen -= n;
	memmove(ibuf->rbuf, ibuf->rbuf + n, ibuf->rlen);
	*imsg = m;
	return n;
}

int
imsg_get_fd(struct imsg *imsg)
{
	return ibuf_fd_get(imsg->buf);
}

int
imsg_get_data(const struct imsg *imsg, void *buf, size_t len)
{
	if (imsg_get_len(imsg) != len) {
		errno = EBADMSG;
		return -1;
	}
	if (len != 0)
		memcpy(buf, imsg->data, len);
	return 0;
}

uint32_t
imsg_get_type(const struct imsg *imsg)
{
	return imsg->hdr.type;
}

uint32_t
imsg_get_id(const struct imsg *imsg)
{
	return imsg->hdr.peerid;
}

pid_t
imsg_get_pid(const struct imsg *imsg)
{
	return imsg->hdr.pid;
}

size_t
imsg_get_len(const struct imsg *imsg)
{
	return imsg->hdr.len - sizeof(imsg->hdr);
}

void
imsg_free(struct imsg *imsg)
{
	ibuf_free(imsg->buf);
	imsg->buf = NULL;
	imsg->data = NULL;
}

struct ibuf *
imsg_create(struct imsgbuf *ibuf, uint32_t type, uint32_t id, pid_t pid,
    size_t len)
{
	struct imsg_hdr hdr = { .type = type, .peerid = id };
	struct ibuf *buf;

	if (len > IMSG_MAX_DATA) {
		errno = ERANGE;
		return NULL;
	}
	hdr.pid = pid != 0 ? pid : ibuf->pid;
	buf = ibuf_dynamic(sizeof(hdr) + len, MAX_IMSGSIZE);
	if (buf != NULL)
		ibuf_add(buf, &hdr, sizeof(hdr));
	return buf;
}

int
imsg_add(struct ibuf *buf, const void *data, size_t len)
{
	if (ibuf_add(buf, data, len) == -1) {
		ibuf_free(buf);
		return -1;
	}
	return len;
}

void
imsg_close(struct imsgbuf *ibuf, struct ibuf *buf)
{
	struct imsg_hdr hdr;

	memcpy(&hdr, buf->buf, sizeof(hdr));
	hdr.len = ibuf_size(buf);
	hdr.flags = ibuf_fd_avail(buf) ? IMSGF_HASFD : 0;
	memcpy(buf->buf, &hdr, sizeof(hdr));
	ibuf_close(&ibuf->w, buf);
}

int
imsg_composev(struct imsgbuf *ibuf, uint32_t type, uint32_t id, pid_t pid,
    int fd, const struct iovec *iov, int iovcnt)
{
	struct ibuf *buf;
	size_t len = 0;
	int i;

	for (i = 0; i < iovcnt; i++) {
		if (iov[i].iov_len > IMSG_MAX_DATA - len) {
			errno = ERANGE;
			return -1;
		}
		len += iov[i].iov_len;
	}
	if ((buf = imsg_create(ibuf, type, id, pid, len)) == NULL)
		return -1;
	for (i = 0; i < iovcnt; i++)
		if (imsg_add(buf, iov[i].iov_base, iov[i].iov_len) == -1)
			return -1;
	buf->fd = fd;
	imsg_close(ibuf, buf);
	return 1;
}

int
imsg_compose(struct imsgbuf *ibuf, uint32_t type, uint32_t id, pid_t pid,
    int fd, const void *data, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)data, len };

	return imsg_composev(ibuf, type, id, pid, fd, &iov, len != 0);
}

int
imsg_forward(struct imsgbuf *ibuf, struct imsg *imsg)
{
	int fd = imsg_get_fd(imsg);

	if (imsg_compose(ibuf, imsg->hdr.type, imsg->hdr.peerid,
	    imsg->hdr.pid, fd, imsg->data, imsg_get_len(imsg)) == -1) {
		ibuf_fd_set(imsg->buf, fd);
		return -1;
	}
	return 1;
}

int
imsg_flush(struct imsgbuf *ibuf)
{
	return msgbuf_flush(&ibuf->w);
}

int
imsg_write(struct imsgbuf *ibuf)
{
	return msgbuf_write(&ibuf->w);
}
