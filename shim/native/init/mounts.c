/*
 * Mounts, made after pivot_root: every path resolves inside the container's root, whatever links the image holds.
 * Sources on the host arrive as detached mounts (open_tree) from the monitor, so nothing here can name a host path.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/kernel.h"
#include "../common/plan.h"
#include "paths.h"
#include "setup.h"

#define MOUNT_ATTR_RDONLY_BIT 1u

static int parse_attr(char **words, struct lxcri_mount_attr *attr)
{
	if (plan_u64(words[0], &attr->attr_set) < 0 || plan_u64(words[1], &attr->attr_clr) < 0)
		return -1;
	return plan_u64(words[2], &attr->propagation);
}

static int change_attr(int fd, const char *path, unsigned int flags, const struct lxcri_mount_attr *wanted)
{
	struct lxcri_mount_attr attr = *wanted;

	if (!attr.attr_set && !attr.attr_clr && !attr.propagation)
		return 0;
	return lxcri_mount_setattr(fd, path, flags, &attr);
}

/* Moves a detached mount onto a target that exists already. */
static int attach_tree(int tree, const char *target)
{
	return lxcri_move_mount(tree, "", AT_FDCWD, target, LXCRI_MOVE_MOUNT_F_EMPTY_PATH | LXCRI_MOVE_MOUNT_T_SYMLINKS);
}

/*
 * attach INDEX TARGET SET CLEAR RSET RCLEAR RPROPAGATION: a bind mount, changed by mount_setattr(2) before it is seen;
 * the last three reach the mounts below it too.
 */
int op_attach(void *context, char **arguments)
{
	struct setup *setup = context;
	struct lxcri_mount_attr attr = {0}, recursive = {0};
	const char *target = arguments[1];
	struct stat st;
	uint32_t index;
	int tree;

	if (plan_u32(arguments[0], &index) < 0 || parse_attr(arguments + 4, &recursive) < 0)
		return -1;
	if (plan_u64(arguments[2], &attr.attr_set) < 0 || plan_u64(arguments[3], &attr.attr_clr) < 0)
		return -1;
	if (SETUP_TREES + setup->join_count + index >= setup->fd_count) {
		errno = EPROTO;
		return -1;
	}
	tree = setup->fds[SETUP_TREES + setup->join_count + index];
	if (fstat(tree, &st) < 0)
		return -1;
	if ((S_ISDIR(st.st_mode) ? make_directories(target, 0755) : make_file(target)) < 0)
		return setup_fail(setup, "cannot create the mount point %s: %s", target, strerror(errno));
	/* Recursion first: what is asked of the top mount alone is asked last, so that it wins there. */
	if (change_attr(tree, "", AT_EMPTY_PATH | LXCRI_AT_RECURSIVE, &recursive) < 0 ||
		change_attr(tree, "", AT_EMPTY_PATH, &attr) < 0)
		return setup_fail(setup, "cannot apply the mount options of %s: %s", target, strerror(errno));
	if (attach_tree(tree, target) < 0)
		return setup_fail(setup, "cannot mount on %s: %s", target, strerror(errno));
	return 0;
}

/* mount FSTYPE SOURCE TARGET FLAGS DATA: a new file system, with mount(2)'s flags. */
int op_mount(void *context, char **arguments)
{
	struct setup *setup = context;
	const char *type = arguments[0], *source = arguments[1], *target = arguments[2], *data = arguments[4];
	uint64_t flags;

	if (plan_u64(arguments[3], &flags) < 0)
		return -1;
	if (make_directories(target, 0755) < 0)
		return setup_fail(setup, "cannot create the mount point %s: %s", target, strerror(errno));
	if (mount(source, target, type, (unsigned long)flags, data[0] ? data : NULL) < 0)
		return setup_fail(setup, "cannot mount %s on %s (options \"%s\"): %s", type, target, data, strerror(errno));
	return 0;
}

/* setattr TARGET SET CLEAR PROPAGATION RECURSIVE(0|1): mount_setattr(2). */
int op_setattr(void *context, char **arguments)
{
	struct setup *setup = context;
	struct lxcri_mount_attr attr = {0};
	unsigned int flags = arguments[4][0] == '1' ? LXCRI_AT_RECURSIVE : 0;

	if (parse_attr(arguments + 1, &attr) < 0)
		return -1;
	if (change_attr(AT_FDCWD, arguments[0], flags, &attr) < 0)
		return setup_fail(setup, "cannot change the mount options of %s: %s", arguments[0], strerror(errno));
	return 0;
}

/* propagation TARGET FLAGS: mount(2) with one of MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, and perhaps MS_REC. */
int op_propagation(void *context, char **arguments)
{
	struct setup *setup = context;
	uint64_t flags;

	if (plan_u64(arguments[1], &flags) < 0)
		return -1;
	if (mount(NULL, arguments[0], NULL, (unsigned long)flags, NULL) < 0)
		return setup_fail(setup, "cannot set the propagation of %s: %s", arguments[0], strerror(errno));
	return 0;
}

/* unmount TARGET */
int op_unmount(void *context, char **arguments)
{
	(void)context;
	return umount2(arguments[0], MNT_DETACH | UMOUNT_NOFOLLOW);
}

/* mask PATH: hides a file behind /dev/null, a directory behind an empty read-only tmpfs; a missing path is fine. */
int op_mask(void *context, char **arguments)
{
	struct setup *setup = context;
	const char *path = arguments[0];
	struct stat st;
	int failed;

	if (stat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	if (S_ISDIR(st.st_mode))
		failed = mount("tmpfs", path, "tmpfs", MS_RDONLY, "nr_blocks=1,nr_inodes=1");
	else
		failed = mount("/dev/null", path, NULL, MS_BIND, NULL);
	if (failed)
		return setup_fail(setup, "cannot mask %s: %s", path, strerror(errno));
	return 0;
}

/* readonly PATH: a read-only bind of the path onto itself; a missing path is fine. */
int op_readonly(void *context, char **arguments)
{
	struct setup *setup = context;
	const char *path = arguments[0];
	struct lxcri_mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY_BIT};
	int tree, failed;

	tree = lxcri_open_tree(AT_FDCWD, path, LXCRI_OPEN_TREE_CLONE | LXCRI_AT_RECURSIVE | O_CLOEXEC);
	if (tree < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	failed = lxcri_mount_setattr(tree, "", AT_EMPTY_PATH, &attr) < 0 || attach_tree(tree, path) < 0;
	close(tree);
	if (failed)
		return setup_fail(setup, "cannot make %s read-only: %s", path, strerror(errno));
	return 0;
}
