/* Directories, device nodes, links, and values written to files of the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../common/plan.h"
#include "paths.h"
#include "setup.h"

/* mkdir PATH MODE(decimal) */
int op_mkdir(void *context, char **arguments)
{
	struct setup *setup = context;
	uint32_t mode;

	if (plan_u32(arguments[1], &mode) < 0)
		return -1;
	if (make_directories(arguments[0], (mode_t)mode) < 0)
		return setup_fail(setup, "cannot create %s: %s", arguments[0], strerror(errno));
	return 0;
}

static int make_parent_of(const char *path)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	if (length == 0)
		return 0;
	if (length >= sizeof(parent)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(parent, path, length);
	parent[length] = '\0';
	return make_directories(parent, 0755);
}

/* mknod PATH TYPE(c|b|p) MODE MAJOR MINOR UID GID: what exists at the path already is left alone, as runc does. */
int op_mknod(void *context, char **arguments)
{
	struct setup *setup = context;
	const char *path = arguments[0];
	uint32_t numbers[5];
	mode_t type = arguments[1][0] == 'b' ? S_IFBLK : arguments[1][0] == 'p' ? S_IFIFO : S_IFCHR;

	for (int i = 0; i < 5; i++)
		if (plan_u32(arguments[2 + i], &numbers[i]) < 0)
			return -1;
	if (make_parent_of(path) < 0 ||
		mknod(path, type | (mode_t)(numbers[0] & 07777), makedev(numbers[1], numbers[2])) < 0) {
		if (errno == EEXIST)
			return 0;
		return setup_fail(setup, "cannot create the device %s: %s", path, strerror(errno));
	}
	if (lchown(path, numbers[3], numbers[4]) < 0)
		return setup_fail(setup, "cannot give the device %s to user %u: %s", path, numbers[3], strerror(errno));
	return 0;
}

/* symlink TARGET PATH */
int op_symlink(void *context, char **arguments)
{
	struct setup *setup = context;

	if (symlink(arguments[0], arguments[1]) < 0 && errno != EEXIST)
		return setup_fail(setup, "cannot create the link %s: %s", arguments[1], strerror(errno));
	return 0;
}

/* write PATH VALUE: one write(2), as files of /proc and /sys want it. */
int op_write(void *context, char **arguments)
{
	struct setup *setup = context;
	size_t size = strlen(arguments[1]);
	int fd = open(arguments[0], O_WRONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t written;

	if (fd < 0)
		return setup_fail(setup, "cannot open %s: %s", arguments[0], strerror(errno));
	written = write(fd, arguments[1], size);
	if (written >= 0 && (size_t)written != size) {
		written = -1;
		errno = EIO;
	}
	if (written < 0)
		setup_fail(setup, "cannot write \"%.64s\" to %s: %s", arguments[1], arguments[0], strerror(errno));
	close(fd);
	return written < 0 ? -1 : 0;
}
