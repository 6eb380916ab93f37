#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "monitor.h"

#define UNMOUNT_TRIES 20
#define UNMOUNT_PAUSE_NS 5000000L

/* These change a mount that is there already; they add nothing to unmount. */
#define CHANGING_FLAGS (MS_REMOUNT | MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE)

bool is_new_mount(const struct rootfs_mount *mount)
{
	return !(mount->flags & CHANGING_FLAGS);
}

static int mount_one(struct monitor *monitor, size_t index)
{
	struct rootfs_mount *entry = &monitor->mounts[index];
	const char *data = entry->data[0] ? entry->data : NULL;

	if (entry->directory[0] && chdir(entry->directory) < 0)
		return monitor_fail(monitor, "rootfs[%zu]: cannot enter %s: %s", index, entry->directory, strerror(errno));
	if (mount(entry->source, entry->target, entry->type, (unsigned long)entry->flags, data) < 0)
		return monitor_fail(
			monitor, "rootfs[%zu]: cannot mount %s (%s) on %s: %s", index, entry->source, entry->type, entry->target,
			strerror(errno));
	entry->mounted = is_new_mount(entry);
	return 0;
}

int mount_rootfs(struct monitor *monitor)
{
	int home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int failed = home < 0 ? monitor_fail(monitor, "cannot open the state directory: %s", strerror(errno)) : 0;

	for (size_t i = 0; i < monitor->mount_count && !failed; i++)
		failed = mount_one(monitor, i);
	/* All other files are named relative to it. */
	if (home >= 0 && fchdir(home) < 0)
		failed = monitor_fail(monitor, "cannot return to the state directory: %s", strerror(errno));
	if (home >= 0)
		close(home);
	return failed;
}

static void unmount(struct monitor *monitor, const char *target)
{
	const struct timespec pause = {0, UNMOUNT_PAUSE_NS};

	for (int attempt = 0; attempt < UNMOUNT_TRIES; attempt++) {
		if (umount2(target, UMOUNT_NOFOLLOW) == 0 || errno == EINVAL || errno == ENOENT)
			return;
		if (errno != EBUSY)
			break;
		nanosleep(&pause, NULL);
	}
	warn(monitor, "cannot unmount %s: %s; it is detached and goes when its last user does", target, strerror(errno));
	if (umount2(target, UMOUNT_NOFOLLOW | MNT_DETACH) < 0 && errno != EINVAL)
		warn(monitor, "cannot detach %s: %s", target, strerror(errno));
}

void unmount_rootfs(struct monitor *monitor)
{
	for (size_t i = monitor->mount_count; i-- > 0;) {
		if (monitor->mounts[i].mounted)
			unmount(monitor, monitor->mounts[i].target);
		monitor->mounts[i].mounted = false;
	}
}
