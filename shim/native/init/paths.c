#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../common/kernel.h"

int open_inside(const char *path, int flags)
{
	const struct lxcri_open_how how = {
		.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
		.resolve = LXCRI_RESOLVE_NO_MAGICLINKS,
	};

	return lxcri_openat2(AT_FDCWD, path, &how);
}

#define PROC_SUPER_MAGIC 0x9fa0
#define PROC_ROOT_INODE 1

static int open_proc(void)
{
	int proc = open_inside("/proc", O_PATH | O_DIRECTORY);
	struct statfs fs;
	struct stat st;

	if (proc < 0)
		return -1;
	if (fstatfs(proc, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC && fstat(proc, &st) == 0 &&
		st.st_ino == PROC_ROOT_INODE)
		return proc;
	close(proc);
	errno = ENODEV;
	return -1;
}

int open_in_proc(const char *path, int flags)
{
	const struct lxcri_open_how how = {
		.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
		.resolve = LXCRI_RESOLVE_BENEATH | LXCRI_RESOLVE_NO_XDEV | LXCRI_RESOLVE_NO_SYMLINKS,
	};
	int proc = open_proc();
	int fd = proc < 0 ? -1 : lxcri_openat2(proc, path, &how);
	int saved = errno;

	if (proc >= 0)
		close(proc);
	errno = saved;
	return fd;
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

/* As the kernel's own limit. */
#define MAX_LINKS 40

static int open_tree(const char *path, mode_t mode, int links);

/* Where the link `path`, which is `name` in the directory `parent`, points to: as a path of the container. */
static int read_link(int parent, const char *name, const char *path, char target[PATH_MAX])
{
	char text[PATH_MAX];
	ssize_t size = readlinkat(parent, name, text, sizeof(text) - 1);
	int length;

	if (size < 0)
		return -1;
	text[size] = '\0';
	length = text[0] == '/' ? snprintf(target, PATH_MAX, "%s", text)
							: snprintf(target, PATH_MAX, "%.*s/%s", (int)(strrchr(path, '/') - path), path, text);
	if (length < PATH_MAX)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

/* Opens `path`, whose last component is `name` in the directory `parent`, which must be a directory or nothing. */
static int enter(int parent, const char *path, const char *name, mode_t mode, int links)
{
	char target[PATH_MAX];
	int directory = open_inside(path, O_PATH | O_DIRECTORY);

	if (directory >= 0 || errno != ENOENT)
		return directory;
	if (mkdirat(parent, name, mode) == 0)
		return open_inside(path, O_PATH | O_DIRECTORY);
	/* A link to nowhere exists for mkdir, but not for open. Images have some, as /var/run -> /run without /run. */
	if (errno != EEXIST || read_link(parent, name, path, target) < 0)
		return -1;
	return open_tree(target, mode, links + 1);
}

static int open_tree(const char *path, mode_t mode, int links)
{
	char copy[PATH_MAX];
	int directory;

	/* The usual case, and it keeps mount points below read-only mounts usable. */
	directory = open_inside(path, O_PATH | O_DIRECTORY);
	if (directory >= 0 || errno != ENOENT)
		return directory;
	if (links > MAX_LINKS) {
		errno = ELOOP;
		return -1;
	}
	if (copy_path(copy, path) < 0)
		return -1;
	directory = open_inside("/", O_PATH | O_DIRECTORY);
	for (char *name = copy + 1; directory >= 0 && name;) {
		char *slash = strchr(name, '/');
		int next;

		if (slash)
			*slash = '\0';
		next = enter(directory, copy, name, mode, links);
		close_keeping_errno(directory);
		directory = next;
		if (slash)
			*slash = '/';
		name = slash ? slash + 1 : NULL;
	}
	return directory;
}

int open_directory(const char *path, mode_t mode)
{
	return open_tree(path, mode, 0);
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

/* Makes the file that `path` names, or that the link there points to. */
static int create_file(const char *path, int links)
{
	char target[PATH_MAX];
	const char *name;
	int parent, fd;

	if (links > MAX_LINKS) {
		errno = ELOOP;
		return -1;
	}
	parent = open_parent(path, &name);
	if (parent < 0)
		return -1;
	fd = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOCTTY | O_CLOEXEC, 0644);
	if (fd < 0 && errno == EEXIST && read_link(parent, name, path, target) == 0)
		fd = create_file(target, links + 1);
	close_keeping_errno(parent);
	return fd;
}

int open_file(const char *path)
{
	int fd = open_inside(path, O_PATH);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		fd = create_file(path, 0);
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
