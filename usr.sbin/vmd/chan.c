/* SPDX-License-Identifier: ISC */
/* A channel: an imsg connection in an event loop, with a table of messages. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "proc.h"

static void	chan_readable(int, short, void *);
static void	chan_writable(int, short, void *);

void
chan_open(struct chan *ch, struct event_base *base, int fd,
    const struct chan_msg *msgs, size_t nmsgs,
    void (*gone)(struct chan *, const char *), void *arg)
{
	memset(ch, 0, sizeof(*ch));
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == -1)
		fatal("cannot make a socket non-blocking");
	imsg_init(&ch->ibuf, fd);
	ch->msgs = msgs;
	ch->nmsgs = nmsgs;
	ch->gone = gone;
	ch->arg = arg;
	event_assign(&ch->rev, base, fd, EV_READ | EV_PERSIST, chan_readable,
	    ch);
	event_assign(&ch->wev, base, fd, EV_WRITE, chan_writable, ch);
	event_add(&ch->rev, NULL);
}

void
chan_close(struct chan *ch)
{
	if (ch->ibuf.fd == -1)
		return;
	event_del(&ch->rev);
	event_del(&ch->wev);
	imsg_clear(&ch->ibuf);
	close(ch->ibuf.fd);
	ch->ibuf.fd = -1;
}

void
chan_pause(struct chan *ch, int paused)
{
	if (ch->paused == paused)
		return;
	ch->paused = paused;
	if (paused) {
		event_del(&ch->rev);
	} else {
		event_add(&ch->rev, NULL);
		event_active(&ch->rev, EV_READ, 0);
	}
}

void
chan_break(struct chan *ch, const char *why)
{
	if (ch->broken == NULL)
		ch->broken = why;
	event_active(&ch->wev, EV_WRITE, 0);
}

void
chan_queued(struct chan *ch)
{
	uint32_t n = msgbuf_queuelen(&ch->ibuf.w);

	if (ch->maxqueue != 0 && n > ch->maxqueue)
		chan_break(ch, "does not read what it is sent");
	else if (n > 0)
		event_add(&ch->wev, NULL);
}

void
chan_send(struct chan *ch, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	if (ch->ibuf.fd == -1 || ch->broken != NULL ||
	    imsg_compose(&ch->ibuf, type, id, 0, fd, data, len) == -1) {
		if (fd != -1)
			close(fd);
		if (ch->ibuf.fd != -1)
			chan_break(ch, "a message could not be queued");
		return;
	}
	chan_queued(ch);
}

/* Check a message against the table and hand it over. */
static const char *
chan_message(struct chan *ch, struct imsg *imsg)
{
	const struct chan_msg *m;
	size_t i, len = imsg_get_len(imsg);

	for (i = 0; i < ch->nmsgs; i++) {
		m = &ch->msgs[i];
		if (m->type != imsg_get_type(imsg))
			continue;
		if (len < m->min || len > m->max)
			return "sent a message of a wrong size";
		if ((m->fd == CHAN_FD) != ibuf_fd_avail(imsg->buf))
			return "sent a message with a wrong descriptor";
		if (m->fn(ch, imsg) == -1)
			return "sent a message with bad content";
		return NULL;
	}
	return "sent a message that it must not send";
}

/* Handle what was read; the reason when the connection must end. */
static const char *
chan_messages(struct chan *ch)
{
	struct imsg imsg;
	const char *why = NULL;
	ssize_t n;

	while (why == NULL && !ch->paused) {
		if ((n = imsg_get(&ch->ibuf, &imsg)) == -1)
			return "sent something that is not a message";
		if (n == 0)
			break;
		why = chan_message(ch, &imsg);
		imsg_free(&imsg);
	}
	return why;
}

void
chan_drain(struct chan *ch)
{
	while (ch->ibuf.fd != -1 && ch->broken == NULL &&
	    imsg_read(&ch->ibuf) > 0)
		if (chan_messages(ch) != NULL)
			break;
}

static void
chan_readable(int fd, short what, void *arg)
{
	struct chan *ch = arg;
	const char *why;
	ssize_t n;

	(void)fd;
	(void)what;
	n = imsg_read(&ch->ibuf);
	if (n == 0) {
		ch->gone(ch, NULL);
		return;
	}
	if (n == -1 && errno != EAGAIN && errno != ENOBUFS) {
		ch->gone(ch, strerror(errno));
		return;
	}
	if ((why = chan_messages(ch)) != NULL)
		ch->gone(ch, why);
}

static void
chan_writable(int fd, short what, void *arg)
{
	struct chan *ch = arg;
	int n;

	(void)fd;
	(void)what;
	if (ch->broken != NULL) {
		ch->gone(ch, ch->broken);
		return;
	}
	n = imsg_write(&ch->ibuf);
	if (n == 0)
		ch->gone(ch, NULL);
	else if (n == -1 && errno != EAGAIN)
		ch->gone(ch, strerror(errno));
	else if (msgbuf_queuelen(&ch->ibuf.w) > 0)
		event_add(&ch->wev, NULL);
}
