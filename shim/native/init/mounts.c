/*
 * Mounts, made after pivot_root: every path resolves inside the container's root, whatever links the image holds
 * (paths.h).
 * Sources on the host arrive as detached mounts (open_tree) from the monitor, so nothing here can name a host path.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
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

static int change_attr(int mount_fd, unsigned int flags, const struct lxcri_mount_attr *wanted)
{
	struct lxcri_mount_attr attr = *wanted;

	if (!attr.attr_set && !attr.attr_clr && !attr.propagation)
		return 0;
	return lxcri_mount_setattr(mount_fd, "", AT_EMPTY_PATH | flags, &attr);
}

/* Moves a detached mount onto a target that is open. */
static int attach_tree(int tree, int target)
{
	return lxcri_move_mount(tree, "", target, "", LXCRI_MOVE_MOUNT_F_EMPTY_PATH | LXCRI_MOVE_MOUNT_T_EMPTY_PATH);
}

/* mount(2) takes a path only: "." is one that names what is open. */
static int mount_on(int directory, const char *type, const char *source, uint64_t flags, const char *data)
{
	if (fchdir(directory) < 0)
		return -1;
	return mount(source, ".", type, (unsigned long)flags, data[0] ? data : NULL);
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
	uint32_t number;
	size_t index;
	int tree, place, failed;

	if (plan_u32(arguments[0], &number) < 0 || parse_attr(arguments + 4, &recursive) < 0)
		return -1;
	if (plan_u64(arguments[2], &attr.attr_set) < 0 || plan_u64(arguments[3], &attr.attr_clr) < 0)
		return -1;
	index = SETUP_TREES + setup->join_count + number;
	if (index >= setup->fd_count) {
		errno = EPROTO;
		return -1;
	}
	tree = setup->fds[index];
	if (fstat(tree, &st) < 0)
		return -1;
	/* Recursion first: what is asked of the top mount alone is asked last, so that it wins there. */
	if (change_attr(tree, LXCRI_AT_RECURSIVE, &recursive) < 0 || change_attr(tree, 0, &attr) < 0)
		return setup_fail(setup, "cannot apply the mount options of %s: %s", target, strerror(errno));
	place = S_ISDIR(st.st_mode) ? open_directory(target, 0755) : open_file(target);
	if (place < 0)
		return setup_fail(setup, "cannot create the mount point %s: %s", target, path_error(errno));
	failed = attach_tree(tree, place);
	if (failed)
		setup_fail(setup, "cannot mount on %s: %s", target, strerror(errno));
	close(place);
	close_received(setup, index);
	return failed;
}

/* mount FSTYPE SOURCE TARGET FLAGS DATA: a new file system, with mount(2)'s flags. */
int op_mount(void *context, char **arguments)
{
	struct setup *setup = context;
	const char *type = arguments[0], *source = arguments[1], *target = arguments[2], *data = arguments[4];
	uint64_t flags;
	int place, failed;

	if (plan_u64(arguments[3], &flags) < 0)
		return -1;
	place = open_directory(target, 0755);
	if (place < 0)
		return setup_fail(setup, "cannot create the mount point %s: %s", target, path_error(errno));
	failed = mount_on(place, type, source, flags, data);
	if (failed)
		setup_fail(setup, "cannot mount %s on %s (options \"%s\"): %s", type, target, data, strerror(errno));
	close(place);
	return failed;
}

static int
change_mount(struct setup *setup, const char *target, unsigned int flags, const struct lxcri_mount_attr *attr)
{
	int mount_fd = open_inside(target, O_PATH);
	int failed;

	if (mount_fd < 0)
		return setup_fail(setup, "cannot change the mount %s: %s", target, path_error(errno));
	failed = change_attr(mount_fd, flags, attr);
	if (failed)
		setup_fail(setup, "cannot change the mount %s: %s", target, strerror(errno));
	close(mount_fd);
	return failed;
}

/* setattr TARGET SET CLEAR PROPAGATION RECURSIVE(0|1): mount_setattr(2). */
int op_setattr(void *context, char **arguments)
{
	struct lxcri_mount_attr attr = {0};

	if (parse_attr(arguments + 1, &attr) < 0)
		return -1;
	return change_mount(context, arguments[0], arguments[4][0] == '1' ? LXCRI_AT_RECURSIVE : 0, &attr);
}

/* propagation TARGET FLAGS: one of MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE, and perhaps MS_REC. */
int op_propagation(void *context, char **arguments)
{
	struct lxcri_mount_attr attr = {0};
	uint64_t flags;

	if (plan_u64(arguments[1], &flags) < 0)
		return -1;
	attr.propagation = flags & ~(uint64_t)MS_REC;
	return change_mount(context, arguments[0], flags & MS_REC ? LXCRI_AT_RECURSIVE : 0, &attr);
}

/* unmount TARGET */
int op_unmount(void *context, char **arguments)
{
	(void)context;
	return umount2(arguments[0], MNT_DETACH | UMOUNT_NOFOLLOW);
}

/* Mounts what is open, with all mounts below it, in a second place; the attributes are the first mount's alone. */
static int attach_copy(int from, int target, const struct lxcri_mount_attr *attr)
{
	int tree =
		lxcri_open_tree(from, "", AT_EMPTY_PATH | LXCRI_OPEN_TREE_CLONE | O_CLOEXEC | (unsigned int)LXCRI_AT_RECURSIVE);
	int failed;

	if (tree < 0)
		return -1;
	failed = change_attr(tree, 0, attr) < 0 || attach_tree(tree, target) < 0 ? -1 : 0;
	close(tree);
	return failed;
}

/* The container's own /dev/null, which an image without a fresh /dev may have replaced by a link to anything. */
static int mask_file(struct setup *setup, int file)
{
	const struct lxcri_mount_attr none = {0};
	int null = open_inside("/dev/null", O_PATH);
	struct stat st;
	int failed;

	if (null < 0)
		return -1;
	if (fstat(null, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3)) {
		close(null);
		errno = EINVAL;
		return setup_fail(setup, "/dev/null is not the null device");
	}
	failed = attach_copy(null, file, &none);
	close(null);
	return failed;
}

/* mask PATH: hides a file behind /dev/null, a directory behind an empty read-only tmpfs; a missing path is fine. */
int op_mask(void *context, char **arguments)
{
	struct setup *setup = context;
	const char *path = arguments[0];
	struct stat st;
	int fd, failed;

	fd = open_inside(path, O_PATH);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return setup_fail(setup, "cannot mask %s: %s", path, path_error(errno));
	failed = S_ISDIR(st.st_mode) ? mount_on(fd, "tmpfs", "tmpfs", MS_RDONLY, "nr_blocks=1,nr_inodes=1")
								 : mask_file(setup, fd);
	if (failed && !setup->failure[0])
		setup_fail(setup, "cannot mask %s: %s", path, strerror(errno));
	close(fd);
	return failed;
}

/* readonly PATH: a read-only bind of the path onto itself, not of mounts below it, as in runc; a missing path is fine.
 */
int op_readonly(void *context, char **arguments)
{
	const struct lxcri_mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY_BIT};
	const char *path = arguments[0];
	int fd = open_inside(path, O_PATH);
	int failed;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return setup_fail(context, "cannot make %s read-only: %s", path, path_error(errno));
	failed = attach_copy(fd, fd, &attr);
	if (failed)
		setup_fail(context, "cannot make %s read-only: %s", path, strerror(errno));
	close(fd);
	return failed;
}
