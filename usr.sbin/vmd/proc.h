/* SPDX-License-Identifier: ISC */
/*
 * The processes of vmd(8) and the channels between them: an imsg connection
 * in an event loop, whose messages a table checks and gives to handlers.
 */
#ifndef _PROC_H_
#define _PROC_H_

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stddef.h>
#include <stdint.h>

#include <imsg.h>

/* The connection to its parent in every process but the first. */
#define PROC_FD		3

struct chan;

enum chan_fd { CHAN_NOFD, CHAN_FD };

/*
 * One type of message that a channel accepts: the payload's size in bytes,
 * from min to max, and whether a descriptor comes along. fn returns 0, or -1
 * when the content is not acceptable; it may close other channels, not its own.
 */
struct chan_msg {
	uint32_t	type;
	size_t		min;
	size_t		max;
	enum chan_fd	fd;
	int		(*fn)(struct chan *, struct imsg *);
};

struct chan {
	struct imsgbuf		 ibuf;
	struct event		 rev;
	struct event		 wev;
	const struct chan_msg	*msgs;
	size_t			 nmsgs;
	/*
	 * Called once when the peer is gone (why is NULL) or did something
	 * that ends the connection (why says what). It should close the
	 * channel and may free it.
	 */
	void			(*gone)(struct chan *, const char *why);
	void			*arg;		/* the owner's */
	uint32_t		 maxqueue;	/* 0: no limit */
	const char		*broken;
	int			 paused;
};

/* Start serving fd, which becomes non-blocking and the channel's own. */
void	 chan_open(struct chan *, struct event_base *, int fd,
	    const struct chan_msg *, size_t nmsgs,
	    void (*gone)(struct chan *, const char *), void *arg);

/* Stop, close the descriptor, forget what was not sent. */
void	 chan_close(struct chan *);

/* 1: take no further messages for now; 0: go on. */
void	 chan_pause(struct chan *, int);

/*
 * Queue a message; fd, when not -1, is given away in any case. When that is
 * not possible, or maxqueue is reached, the channel breaks: gone() follows
 * from the event loop.
 */
void	 chan_send(struct chan *, uint32_t type, uint32_t id, int fd,
	    const void *data, size_t len);

/* To be called after messages were queued with the functions of imsg.h. */
void	 chan_queued(struct chan *);

/* Handle what a peer that has ended has sent before. */
void	 chan_drain(struct chan *);

/* Say that the channel is of no use any more; gone() follows. */
void	 chan_break(struct chan *, const char *why);

/*
 * Execute this program again, from exe_fd, as a process of the given role,
 * with one end of a socket pair as PROC_FD and nothing else but the standard
 * descriptors. Returns its pid and, in *fd, our end; or -1 with errno.
 */
pid_t	 proc_exec(int exe_fd, const char *role, int foreground, int verbose,
	    int *fd);

/* The roles: each serves PROC_FD and returns the exit status. */
int	 control_main(int fd);
int	 vmm_main(int fd);

/* Tell how it ended: "exited with status 3", "was killed by signal 9". */
void	 proc_status(int status, char *text, size_t len);

#endif /* _PROC_H_ */
