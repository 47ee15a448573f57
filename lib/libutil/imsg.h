/* SPDX-License-Identifier: ISC */
/*
 * imsg: framed messages with descriptor passing between the processes of a
 * daemon, over a Unix stream socket. The interface follows imsg_init(3) and
 * ibuf_add(3) of OpenBSD 7.
 */
#ifndef _IMSG_H_
#define _IMSG_H_

#include <sys/types.h>
#include <sys/uio.h>
#include <bsd/sys/queue.h>
#include <stdint.h>

#define MAX_IMSGSIZE		16384	/* header and payload */
#define IMSG_HEADER_SIZE	sizeof(struct imsg_hdr)
#define IMSG_MAX_DATA		(MAX_IMSGSIZE - sizeof(struct imsg_hdr))
#define IMSG_MAX_IOV		8

/* A buffer of bytes, with at most one descriptor that travels with it. */
struct ibuf {
	TAILQ_ENTRY(ibuf)	 entry;
	unsigned char		*buf;
	size_t			 size;		/* bytes allocated */
	size_t			 max;		/* it never grows beyond */
	size_t			 wpos;		/* end of the content */
	size_t			 rpos;		/* start of what is left */
	int			 fd;		/* -1: none */
};
TAILQ_HEAD(ibufhead, ibuf);

/* Buffers waiting for a socket to take them. */
struct msgbuf {
	struct ibufhead		 bufs;
	uint32_t		 queued;
	int			 fd;
};

struct imsg_fd {
	TAILQ_ENTRY(imsg_fd)	 entry;
	int			 fd;
};
TAILQ_HEAD(imsg_fdhead, imsg_fd);

/* One end of a connection. */
struct imsgbuf {
	struct imsg_fdhead	 fds;		/* came in, not yet taken */
	struct msgbuf		 w;
	unsigned int		 nfds;
	int			 fd;
	pid_t			 pid;
	size_t			 rlen;		/* bytes in rbuf */
	unsigned char		 rbuf[MAX_IMSGSIZE * 2];
};

/* On the wire. len counts the header and the payload. */
struct imsg_hdr {
	uint32_t		 type;
	uint16_t		 len;
	uint16_t		 flags;		/* IMSGF_HASFD */
	uint32_t		 peerid;
	uint32_t		 pid;
};
_Static_assert(sizeof(struct imsg_hdr) == 16, "imsg header on the wire");

#define IMSGF_HASFD		1

struct imsg {
	struct imsg_hdr		 hdr;
	void			*data;		/* NULL without payload */
	struct ibuf		*buf;
};

/*
 * Make ibuf an end of the connection on socket fd, which stays the caller's
 * and may be blocking or not.
 */
void	 imsg_init(struct imsgbuf *, int fd);

/* Forget what is queued in both directions, close descriptors among it. */
void	 imsg_clear(struct imsgbuf *);

/*
 * Read once from the socket. Returns the count of bytes read, 0 at the end of
 * the stream, -1 with errno: EAGAIN when there is nothing now, EMFILE when
 * descriptors of the peer could not be taken, EBADMSG when the peer sends
 * descriptors that no message claims; all but EAGAIN are the connection's end.
 */
ssize_t	 imsg_read(struct imsgbuf *);

/*
 * Take the next complete message out of what was read. Returns its length,
 * 0 when there is none yet, -1 with errno when the connection is unusable:
 * ERANGE for an impossible length, EBADMSG for a promised descriptor that did
 * not come or unknown flags, ENOMEM. The caller owns the message: imsg_free().
 */
ssize_t	 imsg_get(struct imsgbuf *, struct imsg *);

/* Take the descriptor of a message, now the caller's; -1 when it has none. */
int	 imsg_get_fd(struct imsg *);

/*
 * Copy the payload to buf when it is exactly len bytes long. Returns 0, or -1
 * with EBADMSG.
 */
int	 imsg_get_data(const struct imsg *, void *buf, size_t len);

uint32_t imsg_get_type(const struct imsg *);
uint32_t imsg_get_id(const struct imsg *);	/* peerid */
pid_t	 imsg_get_pid(const struct imsg *);
size_t	 imsg_get_len(const struct imsg *);	/* of the payload */

/* Release a message, and its descriptor when nobody took it. */
void	 imsg_free(struct imsg *);

/*
 * Queue a message. fd, when not -1, goes with it and is closed once sent. On
 * success returns 1; on failure -1 with errno (ERANGE: too long; ENOMEM), and
 * fd is still the caller's. Type and ids are as given; pid 0 means our own.
 */
int	 imsg_compose(struct imsgbuf *, uint32_t type, uint32_t id, pid_t pid,
	    int fd, const void *data, size_t len);
int	 imsg_composev(struct imsgbuf *, uint32_t type, uint32_t id, pid_t pid,
	    int fd, const struct iovec *, int iovcnt);

/* Queue a message as it was received, with its descriptor, to another end. */
int	 imsg_forward(struct imsgbuf *, struct imsg *);

/*
 * The same in steps: imsg_create(), imsg_add()..., imsg_close(). When
 * imsg_add() fails it has freed the message.
 */
struct ibuf *imsg_create(struct imsgbuf *, uint32_t type, uint32_t id,
	    pid_t pid, size_t len);
int	 imsg_add(struct ibuf *, const void *data, size_t len);
void	 imsg_close(struct imsgbuf *, struct ibuf *);

/*
 * Write all that is queued; waits when the socket would block. Returns 0, or
 * -1 with errno.
 */
int	 imsg_flush(struct imsgbuf *);

/*
 * Write as much as the socket takes. Returns 1 after progress (or with
 * nothing to do), 0 when the peer is gone, -1 with errno (EAGAIN: full).
 */
int	 imsg_write(struct imsgbuf *);
int	 msgbuf_write(struct msgbuf *);
int	 msgbuf_flush(struct msgbuf *);

void	 msgbuf_init(struct msgbuf *);
void	 msgbuf_clear(struct msgbuf *);
uint32_t msgbuf_queuelen(const struct msgbuf *);

/*
 * A buffer of len bytes; ibuf_dynamic: it grows up to max. NULL with errno.
 * Functions that return an int: -1 with ERANGE (full), EBADMSG (not that much
 * left to read) or ENOMEM.
 */
struct ibuf *ibuf_open(size_t len);
struct ibuf *ibuf_dynamic(size_t len, size_t max);
int	 ibuf_add(struct ibuf *, const void *data, size_t len);
void	*ibuf_reserve(struct ibuf *, size_t len);
void	*ibuf_data(const struct ibuf *);
size_t	 ibuf_size(const struct ibuf *);	/* bytes not read yet */
size_t	 ibuf_left(const struct ibuf *);	/* bytes that still fit */
int	 ibuf_get(struct ibuf *, void *data, size_t len);
int	 ibuf_skip(struct ibuf *, size_t len);
int	 ibuf_fd_avail(const struct ibuf *);
int	 ibuf_fd_get(struct ibuf *);		/* -1: none; caller's now */
void	 ibuf_fd_set(struct ibuf *, int fd);
void	 ibuf_close(struct msgbuf *, struct ibuf *);
void	 ibuf_free(struct ibuf *);

#endif /* _IMSG_H_ */
