/* SPDX-License-Identifier: ISC */
/* Promises of a channel: what a peer may send, and what ends a connection. */
#include <sys/socket.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "proc.h"

enum { MSG_NUMBER = 1, MSG_EMPTY, MSG_FD, MSG_RANGE };

static struct {
	struct event_base	*base;
	struct chan		 chan;
	struct imsgbuf		 peer;
	unsigned int		 handled;
	uint32_t		 number;
	int			 refuse;
	int			 pause;		/* with the first message */
	int			 gone;
	const char		*why;
} t;

static int
on_message(struct chan *ch, struct imsg *imsg)
{
	t.handled++;
	if (t.pause)
		chan_pause(ch, 1);
	if (imsg_get_type(imsg) == MSG_NUMBER)
		memcpy(&t.number, imsg->data, sizeof(t.number));
	return t.refuse ? -1 : 0;
}

static void
on_gone(struct chan *ch, const char *why)
{
	t.gone++;
	t.why = why;
	chan_close(ch);
}

static const struct chan_msg msgs[] = {
	{ MSG_NUMBER, 4, 4, CHAN_NOFD, on_message },
	{ MSG_EMPTY, 0, 0, CHAN_NOFD, on_message },
	{ MSG_FD, 0, 0, CHAN_FD, on_message },
	{ MSG_RANGE, 2, 6, CHAN_NOFD, on_message },
};

static int
setup(void **state)
{
	int sv[2];

	(void)state;
	memset(&t, 0, sizeof(t));
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1 ||
	    (t.base = event_base_new()) == NULL)
		return -1;
	chan_open(&t.chan, t.base, sv[0], msgs,
	    sizeof(msgs) / sizeof(msgs[0]), on_gone, NULL);
	imsg_init(&t.peer, sv[1]);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	chan_close(&t.chan);
	imsg_clear(&t.peer);
	close(t.peer.fd);
	event_base_free(t.base);
	return 0;
}

static void
run(void)
{
	int i;

	for (i = 0; i < 4; i++)
		event_base_loop(t.base, EVLOOP_NONBLOCK);
}

static void
peer_sends(uint32_t type, int fd, const void *data, size_t len)
{
	assert_int_equal(imsg_compose(&t.peer, type, 0, 0, fd, data, len), 1);
	assert_int_equal(imsg_flush(&t.peer), 0);
	run();
}

/* The connection has ended, without the handler. */
static void
assert_refused(void)
{
	assert_int_equal(t.handled, 0);
	assert_int_equal(t.gone, 1);
	assert_non_null(t.why);
}

static void
listed_message_is_handled(void **state)
{
	uint32_t n = 77;

	(void)state;
	peer_sends(MSG_NUMBER, -1, &n, sizeof(n));
	peer_sends(MSG_EMPTY, -1, NULL, 0);
	peer_sends(MSG_FD, open("/dev/null", O_RDONLY), NULL, 0);
	peer_sends(MSG_RANGE, -1, "ab", 2);
	peer_sends(MSG_RANGE, -1, "abcdef", 6);
	assert_int_equal(t.handled, 5);
	assert_int_equal(t.number, 77);
	assert_int_equal(t.gone, 0);
}

static void
unlisted_message_ends_the_connection(void **state)
{
	(void)state;
	peer_sends(99, -1, NULL, 0);
	assert_refused();
}

static void
short_message_ends_the_connection(void **state)
{
	(void)state;
	peer_sends(MSG_NUMBER, -1, "abc", 3);
	assert_refused();
}

static void
long_message_ends_the_connection(void **state)
{
	(void)state;
	peer_sends(MSG_RANGE, -1, "abcdefg", 7);
	assert_refused();
}

static void
unasked_descriptor_ends_the_connection(void **state)
{
	(void)state;
	peer_sends(MSG_EMPTY, open("/dev/null", O_RDONLY), NULL, 0);
	assert_refused();
}

static void
missing_descriptor_ends_the_connection(void **state)
{
	(void)state;
	peer_sends(MSG_FD, -1, NULL, 0);
	assert_refused();
}

static void
garbage_ends_the_connection(void **state)
{
	static const char junk[100];

	(void)state;
	assert_int_equal(write(t.peer.fd, junk, sizeof(junk)), sizeof(junk));
	run();
	assert_refused();
}

static void
refused_content_ends_the_connection(void **state)
{
	(void)state;
	t.refuse = 1;
	peer_sends(MSG_EMPTY, -1, NULL, 0);
	assert_int_equal(t.handled, 1);
	assert_int_equal(t.gone, 1);
	assert_non_null(t.why);
}

static void
end_of_the_peer_has_no_reason(void **state)
{
	(void)state;
	shutdown(t.peer.fd, SHUT_RDWR);
	run();
	assert_int_equal(t.gone, 1);
	assert_null(t.why);
}

static void
half_a_message_then_the_end(void **state)
{
	struct imsg_hdr hdr = { .type = MSG_NUMBER, .len = sizeof(hdr) + 4 };

	(void)state;
	assert_int_equal(write(t.peer.fd, &hdr, sizeof(hdr)), sizeof(hdr));
	run();
	assert_int_equal(t.gone, 0);
	shutdown(t.peer.fd, SHUT_RDWR);
	run();
	assert_int_equal(t.handled, 0);
	assert_int_equal(t.gone, 1);
}

static void
paused_channel_takes_nothing(void **state)
{
	(void)state;
	chan_pause(&t.chan, 1);
	peer_sends(MSG_EMPTY, -1, NULL, 0);
	peer_sends(MSG_EMPTY, -1, NULL, 0);
	assert_int_equal(t.handled, 0);
	chan_pause(&t.chan, 0);
	run();
	assert_int_equal(t.handled, 2);
}

static void
what_was_read_before_a_pause_follows(void **state)
{
	(void)state;
	imsg_compose(&t.peer, MSG_EMPTY, 0, 0, -1, NULL, 0);
	imsg_compose(&t.peer, MSG_EMPTY, 0, 0, -1, NULL, 0);
	imsg_flush(&t.peer);
	imsg_read(&t.chan.ibuf);
	chan_pause(&t.chan, 1);
	run();
	assert_int_equal(t.handled, 0);
	chan_pause(&t.chan, 0);
	run();
	assert_int_equal(t.handled, 2);
	assert_int_equal(t.gone, 0);
}

static void
handler_may_pause_its_channel(void **state)
{
	(void)state;
	t.pause = 1;
	imsg_compose(&t.peer, MSG_EMPTY, 0, 0, -1, NULL, 0);
	imsg_compose(&t.peer, MSG_EMPTY, 0, 0, -1, NULL, 0);
	imsg_flush(&t.peer);
	run();
	assert_int_equal(t.handled, 1);
	chan_pause(&t.chan, 0);
	run();
	assert_int_equal(t.handled, 2);
}

static void
sent_message_arrives(void **state)
{
	struct imsg imsg;

	(void)state;
	chan_send(&t.chan, MSG_RANGE, 5, -1, "abc", 3);
	run();
	assert_true(imsg_read(&t.peer) > 0);
	assert_true(imsg_get(&t.peer, &imsg) > 0);
	assert_int_equal(imsg_get_type(&imsg), MSG_RANGE);
	assert_int_equal(imsg_get_id(&imsg), 5);
	imsg_free(&imsg);
}

static void
peer_that_does_not_read_is_dropped(void **state)
{
	static char data[8192];
	int i;

	(void)state;
	t.chan.maxqueue = 64;
	for (i = 0; i < 1000 && t.gone == 0; i++) {
		chan_send(&t.chan, MSG_RANGE, 0, -1, data, sizeof(data));
		run();
	}
	assert_int_equal(t.gone, 1);
	assert_non_null(t.why);
}

static void
unqueueable_message_breaks_the_channel(void **state)
{
	static char data[IMSG_MAX_DATA + 1];

	(void)state;
	chan_send(&t.chan, MSG_RANGE, 0, -1, data, sizeof(data));
	assert_int_equal(t.gone, 0);
	run();
	assert_int_equal(t.gone, 1);
}

static void
last_words_of_a_dead_peer_are_heard(void **state)
{
	(void)state;
	imsg_compose(&t.peer, MSG_EMPTY, 0, 0, -1, NULL, 0);
	imsg_flush(&t.peer);
	shutdown(t.peer.fd, SHUT_RDWR);
	chan_drain(&t.chan);
	assert_int_equal(t.handled, 1);
	assert_int_equal(t.gone, 0);
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(listed_message_is_handled),
		TEST(unlisted_message_ends_the_connection),
		TEST(short_message_ends_the_connection),
		TEST(long_message_ends_the_connection),
		TEST(unasked_descriptor_ends_the_connection),
		TEST(missing_descriptor_ends_the_connection),
		TEST(garbage_ends_the_connection),
		TEST(refused_content_ends_the_connection),
		TEST(end_of_the_peer_has_no_reason),
		TEST(half_a_message_then_the_end),
		TEST(paused_channel_takes_nothing),
		TEST(what_was_read_before_a_pause_follows),
		TEST(handler_may_pause_its_channel),
		TEST(sent_message_arrives),
		TEST(peer_that_does_not_read_is_dropped),
		TEST(unqueueable_message_breaks_the_channel),
		TEST(last_words_of_a_dead_peer_are_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
