#include "mount-namespace.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define CGROUP_MOUNT "/sys/fs/cgroup"

/* Whether a path is at or below a directory. */
static bool is_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	if (strcmp(directory, "/") == 0)
		return true;
	return strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool is_needed(const char *mount_point, const char *const keep[])
{
	static const char *const systems[] = {"/proc", "/sys", "/dev"};

	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++)
		if (is_below(mount_point, systems[i]))
			return true;
	for (size_t i = 0; keep[i]; i++)
		if (is_below(keep[i], mount_point))
			return true;
	return false;
}

/* The fifth field of a line of mountinfo, and whether the mount is a slave of one of the host: proc(5). */
static char *parse_line(char *line, bool *slave)
{
	char *point = NULL, *rest = line, *field;

	*slave = false;
	for (int number = 1; (field = strsep(&rest, " \n")) && strcmp(field, "-") != 0; number++) {
		if (number == 5)
			point = field;
		if (number > 6 && strncmp(field, "master:", 7) == 0)
			*slave = true;
	}
	return point;
}

/*
 * A copy of a mount keeps it in use after the host has unmounted it: another container's root file system could not be
 * removed as long as this container runs. Where the host's mounts are shared, as systemd has them, ours are their
 * slaves, and what it unmounts goes here too; where they are not, the copies must go.
 */
static int drop_private_copies(const char *const keep[])
{
	char line[8192];
	FILE *mounts = fopen("/proc/self/mountinfo", "re");

	if (!mounts)
		return -1;
	while (fgets(line, sizeof(line), mounts)) {
		bool slave;
		const char *point = parse_line(line, &slave);

		/* Names with escaped characters are not found here, and stay: they are kept, at worst. */
		if (point && !slave && !is_needed(point, keep))
			umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW);
	}
	return fclose(mounts);
}

int hide_cgroups(const char *const keep[])
{
	if (unshare(CLONE_NEWNS) < 0)
		return -1;
	/* First of all: from here on nothing that is unmounted here is unmounted on the host. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -1;
	if (drop_private_copies(keep) < 0)
		return -1;
	if (umount2(CGROUP_MOUNT, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
		return -1;
	return 0;
}
