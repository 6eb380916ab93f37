#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/kernel.h"

static int open_how(const char *path, int flags, mode_t mode)
{
	const struct lxcri_open_how how = {
		.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
		.mode = mode,
		.resolve = LXCRI_RESOLVE_NO_MAGICLINKS,
	};

	return lxcri_openat2(AT_FDCWD, path, &how);
}

int open_inside(const char *path, int flags)
{
	return open_how(path, flags, 0);
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

static void close_keeping_errno(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

/* Opens `path`, whose last component is `name` in the directory `parent`, which must be a directory or nothing. */
static int enter(int parent, const char *path, const char *name, mode_t mode)
{
	int directory = open_inside(path, O_PATH | O_DIRECTORY);

	if (directory >= 0 || errno != ENOENT)
		return directory;
	/* A link to nowhere exists for mkdir, but not for open: that is ENOENT, and the truth. */
	if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
		return -1;
	return open_inside(path, O_PATH | O_DIRECTORY);
}

int open_directory(const char *path, mode_t mode)
{
	char copy[PATH_MAX];
	int directory;

	/* The usual case, and it keeps mount points below read-only mounts usable. */
	directory = open_inside(path, O_PATH | O_DIRECTORY);
	if (directory >= 0 || errno != ENOENT)
		return directory;
	if (copy_path(copy, path) < 0)
		return -1;
	directory = open_inside("/", O_PATH | O_DIRECTORY);
	for (char *name = copy + 1; directory >= 0 && name;) {
		char *slash = strchr(name, '/');
		int next;

		if (slash)
			*slash = '\0';
		next = enter(directory, copy, name, mode);
		close_keeping_errno(directory);
		directory = next;
		if (slash)
			*slash = '/';
		name = slash ? slash + 1 : NULL;
	}
	return directory;
}

int open_parent(const char *path, const char **name)
{
	char parent[PATH_MAX];
	char *slash;

	if (copy_path(parent, path) < 0)
		return -1;
	slash = strrchr(parent, '/');
	if (!slash) {
		errno = EINVAL;
		return -1;
	}
	*name = path + (slash - parent) + 1;
	slash[slash == parent] = '\0';
	return open_directory(parent, 0755);
}

int open_file(const char *path)
{
	int fd = open_inside(path, O_PATH);
	struct stat st;
	const char *name;
	int parent;

	if (fd < 0 && errno == ENOENT) {
		parent = open_parent(path, &name);
		if (parent < 0)
			return -1;
		close(parent);
		/* By its whole path: where that is a link to nothing, the file is made there. */
		fd = open_how(path, O_CREAT | O_WRONLY | O_NOCTTY, 0644);
	}
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode)) {
		close(fd);
		errno = EISDIR;
		return -1;
	}
	return fd;
}

const char *path_error(int error)
{
	return error == ELOOP ? "its links form a loop, or lead out of the container through /proc" : strerror(error);
}
