#include "gate.h"
#include "testing/check.h"
#include "testing/descriptors.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static void open_pair(int pair[2])
{
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
}

static void close_pair(const int pair[2])
{
	CHECK(close(pair[0]) == 0);
	CHECK(close(pair[1]) == 0);
}

static bool same_file(int a, int b)
{
	struct stat one, other;

	CHECK(fstat(a, &one) == 0 && fstat(b, &other) == 0);
	return one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

static void keeps_messages_apart(void)
{
	char data[16];
	size_t size = sizeof(data);
	int pair[2];

	open_pair(pair);
	CHECK(gate_send(pair[0], GATE_HELLO, NULL, 0, NULL, 0) == 0);
	CHECK(gate_send(pair[0], GATE_FAILED, "text", 5, NULL, 0) == 0);
	CHECK(gate_send(pair[0], GATE_READY, NULL, 0, NULL, 0) == 0);
	CHECK(gate_receive(pair[1], data, &size, NULL, NULL, NULL) == GATE_HELLO);
	CHECK(size == 0);
	size = sizeof(data);
	CHECK(gate_receive(pair[1], data, &size, NULL, NULL, NULL) == GATE_FAILED);
	CHECK(size == 5);
	CHECK_TEXT(data, "text");
	CHECK(gate_receive(pair[1], NULL, NULL, NULL, NULL, NULL) == GATE_READY);
	close_pair(pair);
}

static void tells_the_end(void)
{
	int pair[2];

	open_pair(pair);
	CHECK(gate_send(pair[0], GATE_READY, NULL, 0, NULL, 0) == 0);
	close(pair[0]);
	CHECK(gate_receive(pair[1], NULL, NULL, NULL, NULL, NULL) == GATE_READY);
	CHECK(gate_receive(pair[1], NULL, NULL, NULL, NULL, NULL) == 0);
	/* An error, and no SIGPIPE. */
	CHECK(gate_send(pair[1], GATE_READY, NULL, 0, NULL, 0) == -1 && errno == EPIPE);
	close(pair[1]);
	CHECK(gate_receive(-1, NULL, NULL, NULL, NULL, NULL) == -1 && errno == EBADF);
	CHECK(gate_send(-1, GATE_READY, NULL, 0, NULL, 0) == -1 && errno == EBADF);
}

static void passes_descriptors_in_their_order(void)
{
	int pair[2], sent[GATE_BATCH], received[GATE_BATCH];
	size_t count = GATE_BATCH;
	int before = count_descriptors();

	open_pair(pair);
	for (int i = 0; i < GATE_BATCH; i++)
		sent[i] = file_with("x", 1);
	CHECK(gate_send(pair[0], GATE_FDS, NULL, 0, sent, GATE_BATCH) == 0);
	CHECK(gate_receive(pair[1], NULL, NULL, received, &count, NULL) == GATE_FDS);
	CHECK(count == GATE_BATCH);
	for (int i = 0; i < GATE_BATCH; i++) {
		CHECK(same_file(sent[i], received[i]));
		CHECK(is_close_on_exec(received[i]));
		close(sent[i]);
		close(received[i]);
	}
	close_pair(pair);
	CHECK(count_descriptors() == before);
}

static void refuses_to_send_more_descriptors_than_fit(void)
{
	int pair[2], sent[GATE_BATCH + 1] = {0};

	open_pair(pair);
	CHECK(gate_send(pair[0], GATE_FDS, NULL, 0, sent, GATE_BATCH + 1) == -1 && errno == EINVAL);
	close_pair(pair);
}

/* Data and descriptors in one message, to somebody who wants fewer, or none. */
static void closes_descriptors_that_nobody_wants(void)
{
	int pair[2], received[2], sent[3];
	size_t count = 2;
	int before;

	open_pair(pair);
	for (int i = 0; i < 3; i++)
		sent[i] = file_with("x", 1);
	before = count_descriptors();
	CHECK(gate_send(pair[0], GATE_FDS, NULL, 0, sent, 3) == 0);
	CHECK(gate_receive(pair[1], NULL, NULL, received, &count, NULL) == GATE_FDS);
	CHECK(count == 2);
	CHECK(count_descriptors() == before + 2);
	CHECK(same_file(received[0], sent[0]) && same_file(received[1], sent[1]));
	close(received[0]);
	close(received[1]);
	CHECK(gate_send(pair[0], GATE_FDS, NULL, 0, sent, 3) == 0);
	CHECK(gate_receive(pair[1], NULL, NULL, NULL, NULL, NULL) == GATE_FDS);
	CHECK(count_descriptors() == before);
	for (int i = 0; i < 3; i++)
		close(sent[i]);
	close_pair(pair);
}

/* Sends descriptors in a way that gate_send does not offer. */
static void send_raw(int fd, const void *data, size_t size, const int *fds, size_t count)
{
	static union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * 253)];
	} control;
	struct iovec part = {(void *)data, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (count) {
		struct cmsghdr *header = &control.align;

		memset(&control, 0, sizeof(control));
		message.msg_control = control.space;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
	}
	CHECK(sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)size);
}

/* More than the control buffer holds: the kernel cuts them off, and none may stay open on this side. */
static void keeps_no_descriptor_of_a_message_that_it_refuses(void)
{
	int pair[2], sent[253], received[GATE_BATCH];
	char data[4];
	size_t count, size;
	int before;

	open_pair(pair);
	for (int i = 0; i < 253; i++)
		sent[i] = pair[0];
	before = count_descriptors();

	count = GATE_BATCH;
	send_raw(pair[0], "F", 1, sent, 253);
	CHECK(gate_receive(pair[1], NULL, NULL, received, &count, NULL) == -1 && errno == EMSGSIZE);
	CHECK(count == 0);
	CHECK(count_descriptors() == before);

	/* Data that is too long, with descriptors. */
	count = GATE_BATCH;
	size = sizeof(data);
	send_raw(pair[0], "Fabcdefgh", 9, sent, 2);
	CHECK(gate_receive(pair[1], data, &size, received, &count, NULL) == -1 && errno == EMSGSIZE);
	CHECK(count == 0);
	CHECK(count_descriptors() == before);

	/* A packet without a byte looks like the end. */
	count = GATE_BATCH;
	send_raw(pair[0], "", 0, sent, 2);
	CHECK(gate_receive(pair[1], NULL, NULL, received, &count, NULL) == 0);
	CHECK(count == 0);
	CHECK(count_descriptors() == before);

	/* A type that means the end. */
	count = GATE_BATCH;
	send_raw(pair[0], "\0x", 2, sent, 2);
	CHECK(gate_receive(pair[1], NULL, NULL, received, &count, NULL) == -1 && errno == EMSGSIZE);
	CHECK(count == 0);
	CHECK(count_descriptors() == before);

	/* And the next message is whole again. */
	count = GATE_BATCH;
	CHECK(gate_send(pair[0], GATE_GO, NULL, 0, sent, 1) == 0);
	CHECK(gate_receive(pair[1], NULL, NULL, received, &count, NULL) == GATE_GO);
	CHECK(count == 1);
	close(received[0]);
	close_pair(pair);
}

static void cuts_no_data(void)
{
	char data[8] = "";
	size_t size = 8;
	int pair[2];

	open_pair(pair);
	CHECK(gate_send(pair[0], GATE_FAILED, "12345678", 8, NULL, 0) == 0);
	CHECK(gate_receive(pair[1], data, &size, NULL, NULL, NULL) == GATE_FAILED);
	CHECK(size == 8 && memcmp(data, "12345678", 8) == 0);
	size = 7;
	CHECK(gate_send(pair[0], GATE_FAILED, "12345678", 8, NULL, 0) == 0);
	CHECK(gate_receive(pair[1], data, &size, NULL, NULL, NULL) == -1 && errno == EMSGSIZE);
	CHECK(gate_send(pair[0], GATE_FAILED, "1", 1, NULL, 0) == 0);
	CHECK(gate_receive(pair[1], NULL, NULL, NULL, NULL, NULL) == -1 && errno == EMSGSIZE);
	close_pair(pair);
}

/* Types are bytes, whatever a compiler takes for char; what is unknown is the caller's to refuse. */
static void hands_on_every_type(void)
{
	int pair[2];

	open_pair(pair);
	for (int type = 1; type < 256; type++) {
		char byte = (char)type;

		send_raw(pair[0], &byte, 1, NULL, 0);
		CHECK(gate_receive(pair[1], NULL, NULL, NULL, NULL, NULL) == type);
	}
	close_pair(pair);
}

static void tells_the_senders_pid(void)
{
	int pair[2], on = 1;
	pid_t pid = 0, child;

	open_pair(pair);
	CHECK(setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
	child = fork();
	if (child == 0)
		_exit(gate_send(pair[1], GATE_HELLO, NULL, 0, NULL, 0) == 0 ? 0 : 1);
	CHECK(gate_receive(pair[0], NULL, NULL, NULL, NULL, &pid) == GATE_HELLO);
	CHECK(pid == child);
	CHECK(waitpid(child, NULL, 0) == child);
	/* With descriptors beside it there is still room. */
	pid = 0;
	CHECK(gate_send(pair[1], GATE_FDS, NULL, 0, pair, 2) == 0);
	CHECK(gate_receive(pair[0], NULL, NULL, NULL, NULL, &pid) == GATE_FDS);
	CHECK(pid == getpid());
	close_pair(pair);
}

static void on_signal(int number)
{
	(void)number;
}

/* Signals that interrupt the wait are not errors. */
static void waits_through_signals(void)
{
	const struct sigaction action = {.sa_handler = on_signal};
	const struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	const struct timespec pause = {0, 30000000};
	struct sigaction before;
	int pair[2];
	pid_t child;

	open_pair(pair);
	CHECK(sigaction(SIGALRM, &action, &before) == 0);
	child = fork();
	if (child == 0) {
		nanosleep(&pause, NULL);
		_exit(gate_send(pair[1], GATE_HELLO, NULL, 0, NULL, 0) == 0 ? 0 : 1);
	}
	CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
	CHECK(gate_receive(pair[0], NULL, NULL, NULL, NULL, NULL) == GATE_HELLO);
	CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
	CHECK(sigaction(SIGALRM, &before, NULL) == 0);
	CHECK(waitpid(child, NULL, 0) == child);
	close_pair(pair);
}

static const struct check_test tests[] = {
	{TEST(keeps_messages_apart)},
	{TEST(tells_the_end)},
	{TEST(passes_descriptors_in_their_order)},
	{TEST(refuses_to_send_more_descriptors_than_fit)},
	{TEST(closes_descriptors_that_nobody_wants)},
	{TEST(keeps_no_descriptor_of_a_message_that_it_refuses)},
	{TEST(cuts_no_data)},
	{TEST(hands_on_every_type)},
	{TEST(tells_the_senders_pid)},
	{TEST(waits_through_signals)},
};

CHECK_MAIN(tests)
