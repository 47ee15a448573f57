/* SPDX-License-Identifier: ISC */
/* ibuf_add(3): buffers of bytes, and queues of them for a socket. */
#include <sys/socket.h>
#include <sys/uio.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imsg.h"

#define MSGBUF_MAX_IOV	64

struct ibuf *
ibuf_dynamic(size_t len, size_t max)
{
	struct ibuf *buf;

	if (max == 0 || max < len) {
		errno = EINVAL;
		return NULL;
	}
	if ((buf = calloc(1, sizeof(*buf))) == NULL)
		return NULL;
	if (len != 0 && (buf->buf = calloc(1, len)) == NULL) {
		free(buf);
		return NULL;
	}
	buf->size = len;
	buf->max = max;
	buf->fd = -1;
	return buf;
}

struct ibuf *
ibuf_open(size_t len)
{
	return ibuf_dynamic(len, len);
}

void *
ibuf_reserve(struct ibuf *buf, size_t len)
{
	unsigned char *grown;
	void *p;

	if (len > buf->max - buf->wpos) {
		errno = ERANGE;
		return NULL;
	}
	if (buf->wpos + len > buf->size) {
		grown = realloc(buf->buf, buf->wpos + len);
		if (grown == NULL)
			return NULL;
		memset(grown + buf->size, 0, buf->wpos + len - buf->size);
		buf->buf = grown;
		buf->size = buf->wpos + len;
	}
	p = buf->buf + buf->wpos;
	buf->wpos += len;
	return p;
}

int
ibuf_add(struct ibuf *buf, const void *data, size_t len)
{
	void *p;

	if (len == 0)
		return 0;
	if ((p = ibuf_reserve(buf, len)) == NULL)
		return -1;
	memcpy(p, data, len);
	return 0;
}

void *
ibuf_data(const struct ibuf *buf)
{
	return buf->buf + buf->rpos;
}

size_t
ibuf_size(const struct ibuf *buf)
{
	return buf->wpos - buf->rpos;
}

size_t
ibuf_left(const struct ibuf *buf)
{
	return buf->max - buf->wpos;
}

int
ibuf_get(struct ibuf *buf, void *data, size_t len)
{
	if (ibuf_size(buf) < len) {
		errno = EBADMSG;
		return -1;
	}
	memcpy(data, ibuf_data(buf), len);
	buf->rpos += len;
	return 0;
}

int
ibuf_skip(struct ibuf *buf, size_t len)
{
	if (ibuf_size(buf) < len) {
		errno = EBADMSG;
		return -1;
	}
	buf->rpos += len;
	return 0;
}

int
ibuf_fd_avail(const struct ibuf *buf)
{
	return buf->fd != -1;
}

int
ibuf_fd_get(struct ibuf *buf)
{
	int fd = buf->fd;

	buf->fd = -1;
	return fd;
}

void
ibuf_fd_set(struct ibuf *buf, int fd)
{
	if (buf->fd != -1)
		close(buf->fd);
	buf->fd = fd;
}

void
ibuf_free(struct ibuf *buf)
{
	int saved = errno;

	if (buf == NULL)
		return;
	if (buf->fd != -1)
		close(buf->fd);
	free(buf->buf);
	free(buf);
	errno = saved;
}

void
ibuf_close(struct msgbuf *msgbuf, struct ibuf *buf)
{
	TAILQ_INSERT_TAIL(&msgbuf->bufs, buf, entry);
	msgbuf->queued++;
}

void
msgbuf_init(struct msgbuf *msgbuf)
{
	TAILQ_INIT(&msgbuf->bufs);
	msgbuf->queued = 0;
	msgbuf->fd = -1;
}

static void
msgbuf_drop(struct msgbuf *msgbuf, struct ibuf *buf)
{
	TAILQ_REMOVE(&msgbuf->bufs, buf, entry);
	msgbuf->queued--;
	ibuf_free(buf);
}

void
msgbuf_clear(struct msgbuf *msgbuf)
{
	struct ibuf *buf;

	while ((buf = TAILQ_FIRST(&msgbuf->bufs)) != NULL)
		msgbuf_drop(msgbuf, buf);
}

uint32_t
msgbuf_queuelen(const struct msgbuf *msgbuf)
{
	return msgbuf->queued;
}

/* Remove len written bytes from the head of the queue. */
static void
msgbuf_drain(struct msgbuf *msgbuf, size_t len)
{
	struct ibuf *buf;

	while (len > 0 && (buf = TAILQ_FIRST(&msgbuf->bufs)) != NULL) {
		if (len < ibuf_size(buf)) {
			buf->rpos += len;
			return;
		}
		len -= ibuf_size(buf);
		msgbuf_drop(msgbuf, buf);
	}
}

/*
 * The buffers that one sendmsg() can take: all up to the next one with a
 * descriptor, as that must go out with the first byte of its own buffer.
 */
static int
msgbuf_gather(struct msgbuf *msgbuf, struct iovec *iov)
{
	struct ibuf *buf;
	int n = 0;

	TAILQ_FOREACH(buf, &msgbuf->bufs, entry) {
		if (n == MSGBUF_MAX_IOV || (n > 0 && buf->fd != -1))
			break;
		iov[n].iov_base = ibuf_data(buf);
		iov[n].iov_len = ibuf_size(buf);
		n++;
	}
	return n;
}

int
msgbuf_write(struct msgbuf *msgbuf)
{
	union {
		struct cmsghdr	hdr;
		char		buf[CMSG_SPACE(sizeof(int))];
	} ctl = { 0 };
	struct iovec iov[MSGBUF_MAX_IOV];
	struct msghdr msg = { .msg_iov = iov };
	struct cmsghdr *cmsg;
	struct ibuf *first;
	ssize_t n;

	if ((first = TAILQ_FIRST(&msgbuf->bufs)) == NULL)
		return 1;
	msg.msg_iovlen = msgbuf_gather(msgbuf, iov);
	if (first->fd != -1) {
		msg.msg_control = ctl.buf;
		msg.msg_controllen = sizeof(ctl.buf);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(cmsg), &first->fd, sizeof(int));
	}
	do {
		n = sendmsg(msgbuf->fd, &msg, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == EPIPE || errno == ECONNRESET ? 0 : -1;
	if (n > 0 && first->fd != -1)
		close(ibuf_fd_get(first));
	msgbuf_drain(msgbuf, n);
	return 1;
}

/* Wait until a full socket takes data again. */
static int
msgbuf_wait(struct msgbuf *msgbuf)
{
	struct pollfd pfd = { .fd = msgbuf->fd, .events = POLLOUT };

	return poll(&pfd, 1, -1) == -1 && errno != EINTR ? -1 : 0;
}

int
msgbuf_flush(struct msgbuf *msgbuf)
{
	while (msgbuf->queued > 0) {
		switch (msgbuf_write(msgbuf)) {
		case 1:
			break;
		case 0:
			errno = EPIPE;
			return -1;
		default:
			if (errno != EAGAIN || msgbuf_wait(msgbuf) == -1)
				return -1;
		}
	}
	return 0;
}
