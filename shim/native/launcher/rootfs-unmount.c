#include "rootfs-unmount.h"

#include "host/file-io.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

// More than anybody stacks; a bound for the case that somebody mounts as fast as this unmounts.
#define LAYERS_MAX 128

static int detach(const char *path, struct failure *failure)
{
	dprintf(STDERR_FILENO, "%s is busy: unmounting it lazily\n", path);
	if (umount2(path, UMOUNT_NOFOLLOW | MNT_DETACH) != 0 && errno != EINVAL)
		return fail_errno(failure, "cannot unmount %s", path);
	return 0;
}

int rootfs_unmount(const char *bundle, struct failure *failure)
{
	char path[PATH_MAX];
	if (format_path(path, sizeof path, "%s/rootfs", bundle) != 0)
		return fail(failure, "the bundle's path \"%.200s...\" is too long", bundle);
	for (int layer = 0; layer < LAYERS_MAX; layer++) {
		if (umount2(path, UMOUNT_NOFOLLOW) == 0)
			continue;
		// EINVAL: it is no mount point. ENOENT, ENOTDIR: there is no bundle any more, or no directory in it.
		if (errno == EINVAL || errno == ENOENT || errno == ENOTDIR)
			return 0;
		if (errno != EBUSY)
			return fail_errno(failure, "cannot unmount %s", path);
		if (detach(path, failure) != 0)
			return -1;
	}
	return fail(failure, "more than %d file systems are mounted on %s", LAYERS_MAX, path);
}
