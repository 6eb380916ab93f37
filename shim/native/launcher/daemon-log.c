#include "daemon-log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int daemon_log_open(const struct paths *paths, bool *is_new, struct failure *failure)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
	struct stat status;
	if (lstat(paths->log, &status) == 0 && status.st_size > DAEMON_LOG_LIMIT)
		rename(paths->log, paths->log_old);
	int fd = open(paths->log, flags | O_EXCL, 0600);
	*is_new = fd >= 0;
	if (fd < 0 && errno == EEXIST)
		fd = open(paths->log, flags, 0600);
	if (fd < 0)
		return fail_errno(failure, "cannot open the log %s", paths->log);
	return fd;
}

void daemon_log_remove_if_empty(const struct paths *paths)
{
	struct stat status;
	if (lstat(paths->log, &status) == 0 && status.st_size == 0)
		unlink(paths->log);
}
