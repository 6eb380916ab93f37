#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_directory(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	/* A link to nowhere exists for mkdir, but not for stat: that is ENOENT, and the truth. */
	if (stat(path, &st) < 0)
		return -1;
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	return 0;
}

static int make_parents(char *path, mode_t mode)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (make_directory(path, mode) < 0)
			return -1;
		*slash = '/';
	}
	return 0;
}

static int copy_path(char *copy, const char *path)
{
	size_t length = strlen(path);

	if (length == 0 || length >= PATH_MAX) {
		errno = length ? ENAMETOOLONG : ENOENT;
		return -1;
	}
	memcpy(copy, path, length + 1);
	return 0;
}

int make_directories(const char *path, mode_t mode)
{
	char copy[PATH_MAX];
	struct stat st;

	/* The usual case, and it keeps mount points below read-only mounts usable. */
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	if (copy_path(copy, path) < 0 || make_parents(copy, mode) < 0)
		return -1;
	return make_directory(copy, mode);
}

int make_file(const char *path)
{
	char copy[PATH_MAX];
	struct stat st;
	int fd;

	if (stat(path, &st) == 0) {
		if (!S_ISDIR(st.st_mode))
			return 0;
		errno = EISDIR;
		return -1;
	}
	if (copy_path(copy, path) < 0 || make_parents(copy, 0755) < 0)
		return -1;
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOCTTY, 0644);
	if (fd < 0)
		return -1;
	return close(fd);
}
