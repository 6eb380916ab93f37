#include "log-file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

int log_file_open(const char *path, const char *old_path, off_t limit)
{
	struct stat status;
	if (lstat(path, &status) == 0 && status.st_size > limit)
		rename(path, old_path);
	// Whatever else somebody has put there must not hold the keeper up.
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
}
