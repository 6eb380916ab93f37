#include "keeper-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int keeper_lock_open(const struct paths *paths)
{
	return open(paths->keeper_lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static bool is_still_named(int fd, const char *path)
{
	struct stat open_file;
	struct stat named_file;
	return fstat(fd, &open_file) == 0 && lstat(path, &named_file) == 0 && open_file.st_ino == named_file.st_ino &&
		   open_file.st_dev == named_file.st_dev;
}

enum lock_result keeper_lock_try(int fd, const struct paths *paths, struct failure *failure)
{
	int result;
	do {
		result = flock(fd, LOCK_EX | LOCK_NB);
	} while (result != 0 && errno == EINTR);
	if (result != 0 && errno != EWOULDBLOCK) {
		fail_errno(failure, "cannot lock %s", paths->keeper_lock);
		return LOCK_FAILED;
	}
	if (!is_still_named(fd, paths->keeper_lock))
		return LOCK_REPLACED;
	return result == 0 ? LOCK_TAKEN : LOCK_BUSY;
}

bool keeper_lock_is_held(const struct paths *paths)
{
	int fd = open(paths->keeper_lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	bool is_held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	if (fd >= 0)
		close(fd);
	return is_held;
}
