/*
 * Directories that exist only as long as something is mounted on them. Each verb does all of it in one request, and
 * may be repeated: what it would do may have been done by a worker that died before it answered.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker.h"

#define DIRECTORY_MODE 0700

/* The parent of a mounted root is the directory around its mount point. Not for binds of the same file system. */
static int check_mounted(const char *target, bool *mounted)
{
	char parent[PATH_MAX];
	struct stat own, above;

	*mounted = false;
	if (snprintf(parent, sizeof(parent), "%s/..", target) >= (int)sizeof(parent)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (lstat(target, &own) < 0 || stat(parent, &above) < 0)
		return -1;
	*mounted = own.st_dev != above.st_dev;
	return 0;
}

static int make_directory(const char *target)
{
	char parent[PATH_MAX];
	const char *end = strrchr(target, '/');

	if (mkdir(target, DIRECTORY_MODE) == 0 || errno == EEXIST)
		return 0;
	if (errno != ENOENT || !end || end == target || end - target >= PATH_MAX)
		return -1;
	memcpy(parent, target, (size_t)(end - target));
	parent[end - target] = '\0';
	if (mkdir(parent, DIRECTORY_MODE) < 0 && errno != EEXIST)
		return -1;
	return mkdir(target, DIRECTORY_MODE) < 0 && errno != EEXIST ? -1 : 0;
}

struct answer mount_point_attach(const char *const *words, size_t count)
{
	const char *target = words[1];
	bool mounted;

	if (make_directory(target) < 0 || check_mounted(target, &mounted) < 0)
		return answer_with(errno, "%s: %s", target, strerror(errno));
	if (mounted)
		return answer_ok();
	struct answer answer = file_mount(words, count);
	if (answer.error)
		rmdir(target);
	return answer;
}

struct answer mount_point_release(const char *const *words, size_t count)
{
	(void)count;
	const char *target = words[0];

	/* EINVAL: it is no mount point. */
	if (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
		return answer_with(errno, "unmounting %s: %s", target, strerror(errno));
	if (rmdir(target) < 0 && errno != ENOENT)
		return answer_with(errno, "%s: %s", target, strerror(errno));
	return answer_ok();
}

struct answer mount_point_sync(const char *const *words, size_t count)
{
	const char *target = words[0];
	bool mounted;

	if (check_mounted(target, &mounted) < 0)
		return errno == ENOENT ? answer_ok() : answer_with(errno, "%s: %s", target, strerror(errno));
	return mounted ? file_sync(words, count) : answer_ok();
}
