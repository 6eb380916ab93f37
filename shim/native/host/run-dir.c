#include "run-dir.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Others may pass through the run directory, but see nothing in it: liblxc, as the root of a container's user
 * namespace, checks that it can reach the container's directory.
 */
#define RUN_DIR_MODE 0711
#define OWN_DIR_MODE 0700

static int prepare_directory(const char *path, mode_t mode, struct failure *failure)
{
	if (mkdir(path, mode) == 0) {
		// Whatever umask containerd has.
		if (chmod(path, mode) != 0)
			return fail_errno(failure, "cannot chmod the directory %s", path);
	} else if (errno != EEXIST) {
		const char *hint = errno == ENOENT ? " (its parent must exist; LXCRI_RUN_DIR names another one)" : "";
		return fail_errno(failure, "cannot create the directory %s%s", path, hint);
	}
	struct stat status;
	if (lstat(path, &status) != 0)
		return fail_errno(failure, "cannot examine the directory %s", path);
	if (!S_ISDIR(status.st_mode))
		return fail(failure, "%s is not a directory", path);
	if (status.st_uid != geteuid())
		return fail(
			failure, "the directory %s belongs to user %u, not to user %u who runs this: remove it or chown it", path,
			(unsigned)status.st_uid, (unsigned)geteuid());
	if (status.st_mode & (S_IWGRP | S_IWOTH))
		return fail(
			failure, "the directory %s may be written by others (mode %04o): chmod it to %04o", path,
			(unsigned)status.st_mode & 07777, (unsigned)mode);
	return 0;
}

int run_dir_prepare(const struct paths *paths, struct failure *failure)
{
	int result = -1;
	// Whoever departs may remove the empty directory between two of our steps.
	for (int attempt = 0; attempt < 20 && result != 0; attempt++) {
		errno = 0;
		result = prepare_directory(paths->run_dir, RUN_DIR_MODE, failure);
		if (errno != ENOENT)
			break;
	}
	return result;
}

int run_dir_prepare_own(const struct paths *paths, struct failure *failure)
{
	if (prepare_directory(paths->daemon_dir, OWN_DIR_MODE, failure) != 0)
		return -1;
	return prepare_directory(paths->sockets_dir, OWN_DIR_MODE, failure);
}

void run_dir_remove_own(const struct paths *paths)
{
	rmdir(paths->sockets_dir);
	rmdir(paths->daemon_dir);
}

void run_dir_remove(const struct paths *paths)
{
	rmdir(paths->run_dir);
}
