#include "daemon-log.h"

#include "log-file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int daemon_log_open(const struct paths *paths, struct failure *failure)
{
	int fd = log_file_open(paths->log, paths->log_old, DAEMON_LOG_LIMIT);
	return fd < 0 ? fail_errno(failure, "cannot open the log %s", paths->log) : fd;
}

/** The end of the log, as a string; of that nothing before `start`. */
static void read_end(const struct paths *paths, off_t start, char *data, size_t size)
{
	struct stat status;
	data[0] = '\0';
	int fd = open(paths->log, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return;
	if (fstat(fd, &status) == 0) {
		off_t room = (off_t)size - 1;
		off_t from = status.st_size - room > start ? status.st_size - room : start;
		ssize_t got = pread(fd, data, size - 1, from);
		data[got < 0 ? 0 : got] = '\0';
	}
	close(fd);
}

void daemon_log_last_line(const struct paths *paths, off_t start, char *text, size_t size)
{
	char data[4096];
	read_end(paths, start, data, sizeof data);
	size_t end = strlen(data);
	while (end > 0 && (data[end - 1] == '\n' || data[end - 1] == ' '))
		end--;
	data[end] = '\0';
	const char *line = strrchr(data, '\n');
	snprintf(text, size, "%s", line ? line + 1 : data);
	// What goes into a status has to be UTF-8, and a cut or garbled line may be none.
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			*text = '?';
	}
}

void daemon_log_remove_if_empty(const struct paths *paths)
{
	struct stat status;
	if (lstat(paths->log, &status) == 0 && status.st_size == 0)
		unlink(paths->log);
}
