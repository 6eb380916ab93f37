/* Directories, device nodes, links, and values written to files of the kernel. */
#include <errno.h>
#include <fcntl.h>
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
	int directory;

	if (plan_u32(arguments[1], &mode) < 0)
		return -1;
	directory = open_directory(arguments[0], (mode_t)mode);
	if (directory < 0)
		return setup_fail(setup, "cannot create %s: %s", arguments[0], path_error(errno));
	close(directory);
	return 0;
}

static int make_node(const char *path, mode_t mode, dev_t device, const uint32_t owner[2])
{
	const char *name;
	int parent = open_parent(path, &name);
	int failed;

	if (parent < 0)
		return -1;
	failed = mknodat(parent, name, mode, device);
	if (!failed)
		failed = fchownat(parent, name, owner[0], owner[1], AT_SYMLINK_NOFOLLOW);
	else if (errno == EEXIST)
		failed = 0;
	close(parent);
	return failed;
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
	if (make_node(path, type | (mode_t)(numbers[0] & 07777), makedev(numbers[1], numbers[2]), numbers + 3) < 0)
		return setup_fail(setup, "cannot create the device %s: %s", path, path_error(errno));
	return 0;
}

/* symlink TARGET PATH: what exists at the path already is left alone. */
int op_symlink(void *context, char **arguments)
{
	struct setup *setup = context;
	const char *name;
	int parent = open_parent(arguments[1], &name);
	int failed = parent < 0 ? -1 : symlinkat(arguments[0], parent, name);

	if (failed && errno == EEXIST)
		failed = 0;
	if (failed)
		setup_fail(setup, "cannot create the link %s: %s", arguments[1], path_error(errno));
	if (parent >= 0)
		close(parent);
	return failed;
}

/* write PATH VALUE: to a file of /proc, by its path there; in one write(2), as such files want it. */
int op_write(void *context, char **arguments)
{
	struct setup *setup = context;
	size_t size = strlen(arguments[1]);
	int fd = open_in_proc(arguments[0], O_WRONLY | O_NOCTTY);
	ssize_t written;

	if (fd < 0)
		return setup_fail(setup, "cannot open /proc/%s: %s", arguments[0], path_error(errno));
	written = write(fd, arguments[1], size);
	if (written >= 0 && (size_t)written != size) {
		written = -1;
		errno = EIO;
	}
	if (written < 0)
		setup_fail(setup, "cannot write \"%.64s\" to /proc/%s: %s", arguments[1], arguments[0], strerror(errno));
	close(fd);
	return written < 0 ? -1 : 0;
}
