#include "keeper-call.h"

#include "host/file-io.h"
#include "host/unix-socket.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_MAX_SIZE (PATH_MAX + 512)
#define BACKLOG_WAIT_US 2000

static int connect_to(const char *path, deadline end)
{
	int fd = unix_connect(path);
	while (fd < 0 && errno == EAGAIN && deadline_left_ns(end) > 0) {
		deadline_sleep_us(end, BACKLOG_WAIT_US);
		fd = unix_connect(path);
	}
	return fd;
}

/** Reads up to the newline, which becomes the end. False: there is none, and will be none. */
static bool read_line(int fd, char *line, size_t size, deadline end)
{
	size_t used = 0;
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	while (used < size) {
		ssize_t got = recv(fd, line + used, size - used, 0);
		if (got > 0) {
			char *newline = memchr(line + used, '\n', (size_t)got);
			used += (size_t)got;
			if (newline)
				*newline = '\0';
			if (newline)
				return true;
		} else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
			return false;
		} else if (errno == EAGAIN && poll(&ready, 1, deadline_left_ms(end)) == 0) {
			return false;
		}
	}
	return false;
}

static enum keeper_answer interpret(char *line, char socket[PATH_MAX], struct failure *failure)
{
	if (strncmp(line, "ok ", 3) == 0 && format_path(socket, PATH_MAX, "%s", line + 3) == 0)
		return KEEPER_ANSWERED;
	if (strncmp(line, "error ", 6) == 0)
		fail(failure, "%.1000s", line + 6);
	else
		fail(failure, "the keeper's answer cannot be understood: %.200s", line);
	return KEEPER_REFUSED;
}

enum keeper_answer keeper_call_listen(
	char socket[PATH_MAX], const struct paths *paths, const char *namespace_name, deadline end, struct failure *failure)
{
	char line[LINE_MAX_SIZE];
	if (format_path(line, sizeof line, "listen %s " LXCRI_BUILD " %s\n", namespace_name, paths->lib_dir) != 0) {
		fail(failure, "the path %.200s is too long", paths->lib_dir);
		return KEEPER_REFUSED;
	}
	int fd = connect_to(paths->keeper_socket, end);
	if (fd < 0)
		return KEEPER_ABSENT;
	size_t size = strlen(line);
	// An empty buffer takes a line at once; a keeper that is gone does not.
	bool answered = send(fd, line, size, MSG_NOSIGNAL) == (ssize_t)size && read_line(fd, line, sizeof line, end);
	close(fd);
	return answered ? interpret(line, socket, failure) : KEEPER_ABSENT;
}
