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

/** Reads up to where the other end closes, and ends the text there. False: it was not closed in time, or too long. */
static bool read_answer(int fd, char *text, size_t size, deadline end)
{
	size_t used = 0;
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	while (used < size) {
		ssize_t got = recv(fd, text + used, size - used, 0);
		if (got > 0) {
			used += (size_t)got;
		} else if (got == 0) {
			text[used] = '\0';
			return used > 0;
		} else if (errno != EAGAIN && errno != EINTR) {
			return false;
		} else if (errno == EAGAIN && poll(&ready, 1, deadline_left_ms(end)) == 0) {
			return false;
		}
	}
	return false;
}

/** Says a line, and puts the answer in its place, without its last newline. False: there is nobody, or no answer. */
static bool ask(const struct paths *paths, char line[LINE_MAX_SIZE], deadline end)
{
	int fd = connect_to(paths->keeper_socket, end);
	if (fd < 0)
		return false;
	size_t size = strlen(line);
	// An empty buffer takes a line at once; a keeper that is gone does not.
	bool answered = send(fd, line, size, MSG_NOSIGNAL) == (ssize_t)size && read_answer(fd, line, LINE_MAX_SIZE, end);
	close(fd);
	if (answered && line[strlen(line) - 1] == '\n')
		line[strlen(line) - 1] = '\0';
	return answered;
}

static enum keeper_answer refused(const char *line, struct failure *failure)
{
	if (strncmp(line, "error ", 6) == 0)
		fail(failure, "%.1000s", line + 6);
	else
		fail(failure, "the keeper's answer cannot be understood: %.200s", line);
	return KEEPER_REFUSED;
}

static enum keeper_answer too_long(const struct paths *paths, struct failure *failure)
{
	fail(failure, "the path %.200s is too long", paths->lib_dir);
	return KEEPER_REFUSED;
}

enum keeper_answer keeper_call_listen(
	char socket[PATH_MAX], const struct paths *paths, const char *namespace_name, deadline end, struct failure *failure)
{
	char line[LINE_MAX_SIZE];
	if (format_path(line, sizeof line, "listen %s " LXCRI_BUILD " %s\n", namespace_name, paths->lib_dir) != 0)
		return too_long(paths, failure);
	if (!ask(paths, line, end))
		return KEEPER_ABSENT;
	if (strncmp(line, "ok ", 3) == 0 && format_path(socket, PATH_MAX, "%s", line + 3) == 0)
		return KEEPER_ANSWERED;
	return refused(line, failure);
}

enum keeper_answer keeper_call_replace(const struct paths *paths, deadline end, struct failure *failure)
{
	char line[LINE_MAX_SIZE];
	if (format_path(line, sizeof line, "replace " LXCRI_BUILD " %s\n", paths->lib_dir) != 0)
		return too_long(paths, failure);
	if (!ask(paths, line, end))
		return KEEPER_ABSENT;
	return strcmp(line, "ok") == 0 ? KEEPER_ANSWERED : refused(line, failure);
}

enum keeper_answer
keeper_call_status(char text[KEEPER_STATUS_MAX], const struct paths *paths, deadline end, struct failure *failure)
{
	char line[LINE_MAX_SIZE] = "status\n";
	if (!ask(paths, line, end))
		return KEEPER_ABSENT;
	if (strncmp(line, "keeper ", 7) == 0 && format_path(text, KEEPER_STATUS_MAX, "%s", line) == 0)
		return KEEPER_ANSWERED;
	return refused(line, failure);
}
