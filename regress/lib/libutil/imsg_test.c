/* SPDX-License-Identifier: ISC */
/* Promises of imsg_init(3). */
#include <sys/socket.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "imsg.h"

struct pair {
	struct imsgbuf	a;
	struct imsgbuf	b;
	int		fds;	/* open before */
};

static int
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static int
setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));
	int sv[2];

	p->fds = open_fds();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv) == -1)
		return -1;
	imsg_init(&p->a, sv[0]);
	imsg_init(&p->b, sv[1]);
	*state = p;
	return 0;
}

/* Whatever a test did, no descriptor is left over. */
static int
teardown(void **state)
{
	struct pair *p = *state;
	int fds = p->fds;

	imsg_clear(&p->a);
	imsg_clear(&p->b);
	close(p->a.fd);
	close(p->b.fd);
	free(p);
	return open_fds() == fds ? 0 : -1;
}

static int
some_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(fd != -1);
	return fd;
}

/* Send bytes as they are, with descriptors. */
static void
send_raw(int sock, const void *data, size_t len, const int *fds, int nfds)
{
	char ctl[CMSG_SPACE(sizeof(int) * 32)] = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (nfds > 0) {
		msg.msg_control = ctl;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * nfds);
	}
	assert_int_equal(sendmsg(sock, &msg, 0), len);
}

static void
message_arrives_as_sent(void **state)
{
	struct pair *p = *state;
	struct imsg imsg;
	char buf[5];

	assert_int_equal(imsg_compose(&p->a, 7, 42, 99, -1, "hello", 5), 1);
	assert_int_equal(imsg_flush(&p->a), 0);
	assert_int_equal(imsg_read(&p->b), IMSG_HEADER_SIZE + 5);
	assert_int_equal(imsg_get(&p->b, &imsg), IMSG_HEADER_SIZE + 5);
	assert_int_equal(imsg_get_type(&imsg), 7);
	assert_int_equal(imsg_get_id(&imsg), 42);
	assert_int_equal(imsg_get_pid(&imsg), 99);
	assert_int_equal(imsg_get_len(&imsg), 5);
	assert_int_equal(imsg_get_data(&imsg, buf, sizeof(buf)), 0);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(imsg_get_data(&imsg, buf, 4), -1);
	assert_int_equal(imsg_get_fd(&imsg), -1);
	imsg_free(&imsg);
	assert_int_equal(imsg_get(&p->b, &imsg), 0);
}

static void
message_may_be_empty(void **state)
{
	struct pair *p = *state;
	struct imsg imsg;

	assert_int_equal(imsg_compose(&p->a, 1, 0, 0, -1, NULL, 0), 1);
	assert_int_equal(imsg_flush(&p->a), 0);
	assert_true(imsg_read(&p->b) > 0);
	assert_int_equal(imsg_get(&p->b, &imsg), IMSG_HEADER_SIZE);
	assert_null(imsg.data);
	assert_int_equal(imsg_get_pid(&imsg), getpid());
	imsg_free(&imsg);
}

static void
message_may_come_in_single_bytes(void **state)
{
	struct pair *p = *state;
	struct imsg_hdr hdr = { .type = 3, .len = sizeof(hdr) + 4 };
	unsigned char raw[sizeof(hdr) + 4];
	struct imsg imsg;
	size_t i;

	memcpy(raw, &hdr, sizeof(hdr));
	memcpy(raw + sizeof(hdr), "abcd", 4);
	for (i = 0; i < sizeof(raw); i++) {
		assert_int_equal(imsg_get(&p->b, &imsg), 0);
		send_raw(p->a.fd, raw + i, 1, NULL, 0);
		assert_int_equal(imsg_read(&p->b), 1);
	}
	assert_int_equal(imsg_get(&p->b, &imsg), sizeof(raw));
	assert_memory_equal(imsg.data, "abcd", 4);
	imsg_free(&imsg);
}

static void
messages_may_come_together(void **state)
{
	struct pair *p = *state;
	struct imsg imsg;
	uint32_t i;

	for (i = 0; i < 100; i++)
		assert_int_equal(imsg_compose(&p->a, i, 0, 0, -1, &i,
		    sizeof(i)), 1);
	assert_int_equal(imsg_flush(&p->a), 0);
	assert_int_equal(msgbuf_queuelen(&p->a.w), 0);
	for (i = 0; i < 100; i++) {
		while (imsg_get(&p->b, &imsg) == 0)
			assert_true(imsg_read(&p->b) > 0);
		assert_int_equal(imsg_get_type(&imsg), i);
		assert_memory_equal(imsg.data, &i, sizeof(i));
		imsg_free(&imsg);
	}
}

static void
largest_message_passes_larger_does_not(void **state)
{
	struct pair *p = *state;
	static char data[IMSG_MAX_DATA + 1];
	struct imsg imsg;

	assert_int_equal(imsg_compose(&p->a, 1, 0, 0, -1, data,
	    IMSG_MAX_DATA + 1), -1);
	assert_int_equal(errno, ERANGE);
	memset(data, 0x5a, sizeof(data));
	assert_int_equal(imsg_compose(&p->a, 1, 0, 0, -1, data,
	    IMSG_MAX_DATA), 1);
	assert_int_equal(imsg_flush(&p->a), 0);
	while (imsg_get(&p->b, &imsg) == 0)
		assert_true(imsg_read(&p->b) > 0);
	assert_int_equal(imsg_get_len(&imsg), IMSG_MAX_DATA);
	assert_memory_equal(imsg.data, data, IMSG_MAX_DATA);
	imsg_free(&imsg);
}

static void
parts_are_joined(void **state)
{
	struct pair *p = *state;
	struct iovec iov[2] = { { "ab", 2 }, { "cde", 3 } };
	struct imsg imsg;

	assert_int_equal(imsg_composev(&p->a, 1, 0, 0, -1, iov, 2), 1);
	assert_int_equal(imsg_flush(&p->a), 0);
	assert_true(imsg_read(&p->b) > 0);
	assert_true(imsg_get(&p->b, &imsg) > 0);
	assert_int_equal(imsg_get_data(&imsg, (char[5]){ 0 }, 5), 0);
	assert_memory_equal(imsg.data, "abcde", 5);
	imsg_free(&imsg);
}

static void
each_descriptor_goes_with_its_message(void **state)
{
	struct pair *p = *state;
	struct imsg imsg;
	int fd, i, pipes[3][2];
	char c;

	for (i = 0; i < 3; i++) {
		assert_int_equal(pipe(pipes[i]), 0);
		assert_int_equal(imsg_compose(&p->a, i, 0, 0, -1, "x", 1), 1);
		assert_int_equal(imsg_compose(&p->a, i, 0, 0, pipes[i][1],
		    "y", 1), 1);
	}
	assert_int_equal(imsg_flush(&p->a), 0);
	for (i = 0; i < 6; i++) {
		while (imsg_get(&p->b, &imsg) == 0)
			assert_true(imsg_read(&p->b) > 0);
		fd = imsg_get_fd(&imsg);
		assert_int_equal(fd != -1, i % 2);
		if (fd != -1) {
			assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
			c = '0' + imsg_get_type(&imsg);
			assert_int_equal(write(fd, &c, 1), 1);
			close(fd);
		}
		imsg_free(&imsg);
	}
	for (i = 0; i < 3; i++) {
		assert_int_equal(read(pipes[i][0], &c, 1), 1);
		assert_int_equal(c, '0' + i);
		assert_int_equal(read(pipes[i][0], &c, 1), 0);
		close(pipes[i][0]);
	}
}

static void
descriptor_nobody_takes_is_closed(void **state)
{
	struct pair *p = *state;
	struct imsg imsg;

	assert_int_equal(imsg_compose(&p->a, 1, 0, 0, some_fd(), "y", 1), 1);
	assert_int_equal(imsg_flush(&p->a), 0);
	assert_true(imsg_read(&p->b) > 0);
	assert_true(imsg_get(&p->b, &imsg) > 0);
	imsg_free(&imsg);
}

static void
descriptor_stays_with_the_caller_on_error(void **state)
{
	struct pair *p = *state;
	static char data[IMSG_MAX_DATA + 1];
	int fd = some_fd();

	assert_int_equal(imsg_compose(&p->a, 1, 0, 0, fd, data,
	    sizeof(data)), -1);
	assert_int_equal(close(fd), 0);
}

static void
unsent_descriptors_are_closed_by_clear(void **state)
{
	struct pair *p = *state;

	assert_int_equal(imsg_compose(&p->a, 1, 0, 0, some_fd(), "y", 1), 1);
	imsg_clear(&p->a);
	assert_int_equal(msgbuf_queuelen(&p->a.w), 0);
}

static void
impossible_lengths_are_refused(void **state)
{
	struct pair *p = *state;
	struct imsg_hdr hdr = { .type = 1 };
	static const uint16_t lens[] = { 0, 1, IMSG_HEADER_SIZE - 1,
	    MAX_IMSGSIZE + 1, UINT16_MAX };
	struct imsg imsg;
	size_t i;

	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		hdr.len = lens[i];
		send_raw(p->a.fd, &hdr, sizeof(hdr), NULL, 0);
		assert_int_equal(imsg_read(&p->b), sizeof(hdr));
		assert_int_equal(imsg_get(&p->b, &imsg), -1);
		assert_int_equal(errno, ERANGE);
		imsg_clear(&p->b);
	}
}

static void
unknown_flags_are_refused(void **state)
{
	struct pair *p = *state;
	struct imsg_hdr hdr = { .len = sizeof(hdr), .flags = 2 };
	struct imsg imsg;

	send_raw(p->a.fd, &hdr, sizeof(hdr), NULL, 0);
	assert_int_equal(imsg_read(&p->b), sizeof(hdr));
	assert_int_equal(imsg_get(&p->b, &imsg), -1);
	assert_int_equal(errno, EBADMSG);
}

static void
promised_descriptor_must_come(void **state)
{
	struct pair *p = *state;
	struct imsg_hdr hdr = { .len = sizeof(hdr), .flags = IMSGF_HASFD };
	struct imsg imsg;

	send_raw(p->a.fd, &hdr, sizeof(hdr), NULL, 0);
	assert_int_equal(imsg_read(&p->b), sizeof(hdr));
	assert_int_equal(imsg_get(&p->b, &imsg), -1);
	assert_int_equal(errno, EBADMSG);
}

static void
unclaimed_descriptors_are_limited_and_closed(void **state)
{
	struct pair *p = *state;
	struct imsg_hdr hdr = { .len = sizeof(hdr) };
	int i, fd = some_fd();
	ssize_t n = 0;

	for (i = 0; i < 64 && n != -1; i++) {
		send_raw(p->a.fd, &hdr, sizeof(hdr), &fd, 1);
		n = imsg_read(&p->b);
	}
	assert_int_equal(n, -1);
	assert_int_equal(errno, EBADMSG);
	assert_true(i < 20);
	close(fd);
}

static void
too_many_descriptors_at_once_are_refused(void **state)
{
	struct pair *p = *state;
	struct imsg_hdr hdr = { .len = sizeof(hdr), .flags = IMSGF_HASFD };
	int i, fds[32];

	for (i = 0; i < 32; i++)
		fds[i] = some_fd();
	send_raw(p->a.fd, &hdr, sizeof(hdr), fds, 32);
	assert_int_equal(imsg_read(&p->b), -1);
	assert_int_equal(errno, EMFILE);
	for (i = 0; i < 32; i++)
		close(fds[i]);
}

static void
full_socket_keeps_the_rest(void **state)
{
	struct pair *p = *state;
	static char data[IMSG_MAX_DATA];
	struct imsg imsg;
	int i, n;

	for (i = 0; i < 64; i++)
		assert_int_equal(imsg_compose(&p->a, i, 0, 0, -1, data,
		    sizeof(data)), 1);
	while ((n = imsg_write(&p->a)) == 1 && msgbuf_queuelen(&p->a.w) > 0)
		continue;
	assert_int_equal(n, -1);
	assert_int_equal(errno, EAGAIN);
	assert_true(msgbuf_queuelen(&p->a.w) > 0);
	for (i = 0; i < 64; i++) {
		while (imsg_get(&p->b, &imsg) == 0) {
			imsg_write(&p->a);
			imsg_read(&p->b);
		}
		assert_int_equal(imsg_get_type(&imsg), i);
		assert_int_equal(imsg_get_len(&imsg), sizeof(data));
		imsg_free(&imsg);
	}
}

static void
end_of_the_peer_is_seen(void **state)
{
	struct pair *p = *state;

	assert_int_equal(imsg_read(&p->b), -1);
	assert_int_equal(errno, EAGAIN);
	shutdown(p->a.fd, SHUT_RDWR);
	assert_int_equal(imsg_read(&p->b), 0);
	assert_int_equal(imsg_compose(&p->b, 1, 0, 0, -1, "x", 1), 1);
	assert_int_equal(imsg_write(&p->b), 0);
	assert_int_equal(imsg_flush(&p->b), -1);
}

static void
forwarded_message_is_the_same(void **state)
{
	struct pair *p = *state;
	struct imsg imsg;
	int fd;

	assert_int_equal(imsg_compose(&p->a, 5, 6, 7, some_fd(), "abc", 3), 1);
	assert_int_equal(imsg_flush(&p->a), 0);
	assert_true(imsg_read(&p->b) > 0);
	assert_true(imsg_get(&p->b, &imsg) > 0);
	assert_int_equal(imsg_forward(&p->b, &imsg), 1);
	imsg_free(&imsg);
	assert_int_equal(imsg_flush(&p->b), 0);
	assert_true(imsg_read(&p->a) > 0);
	assert_true(imsg_get(&p->a, &imsg) > 0);
	assert_int_equal(imsg_get_type(&imsg), 5);
	assert_int_equal(imsg_get_id(&imsg), 6);
	assert_int_equal(imsg_get_pid(&imsg), 7);
	assert_memory_equal(imsg.data, "abc", 3);
	assert_true((fd = imsg_get_fd(&imsg)) != -1);
	close(fd);
	imsg_free(&imsg);
}

static void
ibuf_stays_within_its_bounds(void **state)
{
	struct ibuf *buf = ibuf_dynamic(2, 6);
	char data[8] = "abcdefg";

	(void)state;
	assert_non_null(buf);
	assert_int_equal(ibuf_add(buf, data, 5), 0);
	assert_int_equal(ibuf_left(buf), 1);
	assert_int_equal(ibuf_add(buf, data, 2), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(ibuf_get(buf, data, 6), -1);
	assert_int_equal(ibuf_skip(buf, 4), 0);
	assert_int_equal(ibuf_size(buf), 1);
	assert_int_equal(ibuf_skip(buf, 2), -1);
	assert_int_equal(ibuf_get(buf, data, 1), 0);
	assert_int_equal(data[0], 'e');
	assert_null(ibuf_reserve(buf, SIZE_MAX));
	ibuf_free(buf);
	assert_null(ibuf_dynamic(4, 2));
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(message_arrives_as_sent),
		TEST(message_may_be_empty),
		TEST(message_may_come_in_single_bytes),
		TEST(messages_may_come_together),
		TEST(largest_message_passes_larger_does_not),
		TEST(parts_are_joined),
		TEST(each_descriptor_goes_with_its_message),
		TEST(descriptor_nobody_takes_is_closed),
		TEST(descriptor_stays_with_the_caller_on_error),
		TEST(unsent_descriptors_are_closed_by_clear),
		TEST(impossible_lengths_are_refused),
		TEST(unknown_flags_are_refused),
		TEST(promised_descriptor_must_come),
		TEST(unclaimed_descriptors_are_limited_and_closed),
		TEST(too_many_descriptors_at_once_are_refused),
		TEST(full_socket_keeps_the_rest),
		TEST(end_of_the_peer_is_seen),
		TEST(forwarded_message_is_the_same),
		TEST(ibuf_stays_within_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
