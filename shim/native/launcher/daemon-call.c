#include "daemon-call.h"

#include "host/unix-socket.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG_WAIT_US 2000

static bool is_gone(int error)
{
	return error == ENOENT || error == ECONNREFUSED || error == ECONNRESET || error == EPIPE || error == ENOTDIR ||
		   error == ENAMETOOLONG;
}

static enum call_result no_answer(struct failure *failure, const char *socket_path)
{
	enum call_result result = is_gone(errno) ? CALL_NO_DAEMON : CALL_FAILED;
	fail_errno(failure, "cannot talk to the shim daemon at %.200s", socket_path);
	return result;
}

static enum call_result too_late(struct failure *failure, const char *socket_path)
{
	fail(failure, "the shim daemon at %.200s did not answer in time", socket_path);
	return CALL_FAILED;
}

/** A connected descriptor in *fd. */
static enum call_result connect_to(int *fd, const char *socket_path, deadline end, struct failure *failure)
{
	for (;;) {
		*fd = unix_connect(socket_path);
		if (*fd >= 0)
			return CALL_ANSWERED;
		if (errno != EAGAIN)
			return no_answer(failure, socket_path);
		if (deadline_left_ns(end) == 0)
			return too_late(failure, socket_path);
		deadline_sleep_us(end, BACKLOG_WAIT_US);
	}
}

/** Waits until the socket can be read or written. False: the time is up. */
static bool await(int fd, short events, deadline end)
{
	struct pollfd ready = {.fd = fd, .events = events};
	for (;;) {
		int count = poll(&ready, 1, deadline_left_ms(end));
		if (count > 0)
			return true;
		if (count == 0 || errno != EINTR)
			return false;
	}
}

static enum call_result
send_request(int fd, const char *path, const uint8_t *data, size_t size, deadline end, struct failure *failure)
{
	while (size > 0) {
		ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
		if (sent >= 0) {
			data += sent;
			size -= (size_t)sent;
		} else if (errno == EAGAIN) {
			if (!await(fd, POLLOUT, end))
				return too_late(failure, path);
		} else if (errno != EINTR) {
			return no_answer(failure, path);
		}
	}
	return CALL_ANSWERED;
}

static enum call_result
receive_reply(int fd, const char *path, deadline end, struct reply_reader *reader, struct failure *failure)
{
	uint8_t data[4096];
	reply_reader_init(reader);
	for (;;) {
		ssize_t got = recv(fd, data, sizeof data, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN) {
			if (!await(fd, POLLIN, end))
				return too_late(failure, path);
			continue;
		}
		if (got == 0)
			errno = ECONNRESET;
		if (got <= 0)
			return no_answer(failure, path);
		switch (reply_reader_feed(reader, data, (size_t)got)) {
			case REPLY_INCOMPLETE:
				break;
			case REPLY_COMPLETE:
				return CALL_ANSWERED;
			case REPLY_MALFORMED:
				fail(failure, "what listens at %.200s does not answer as a shim daemon does", path);
				return CALL_FAILED;
		}
	}
}

static enum call_result
interpret(const struct reply_reader *reader, const char *path, struct daemon_reply *reply, struct failure *failure)
{
	if (!daemon_reply_parse(reader->body, reader->body_used, reply)) {
		fail(failure, "the answer of the shim daemon at %.200s cannot be read", path);
		return CALL_FAILED;
	}
	if (reply->status == 0)
		return CALL_ANSWERED;
	int length = reply->message_size > 800 ? 800 : (int)reply->message_size;
	fail(failure, "%.*s (code %u)", length, length ? (const char *)reply->message : "", (unsigned)reply->status);
	return CALL_REFUSED;
}

enum call_result daemon_call(
	const char *socket_path, const uint8_t *request, size_t request_size, deadline end, struct reply_reader *reader,
	struct daemon_reply *reply, struct failure *failure)
{
	int fd = -1;
	enum call_result result = connect_to(&fd, socket_path, end, failure);
	if (result != CALL_ANSWERED)
		return result;
	result = send_request(fd, socket_path, request, request_size, end, failure);
	if (result == CALL_ANSWERED)
		result = receive_reply(fd, socket_path, end, reader, failure);
	close(fd);
	return result == CALL_ANSWERED ? interpret(reader, socket_path, reply, failure) : result;
}
