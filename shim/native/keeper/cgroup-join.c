#include "cgroup-join.h"

#include "cgroup-table.h"
#include "host/file-io.h"
#include "host/line-reader.h"
#include "keeper-log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Another run directory's keeper that ends may remove the parent between our two mkdir calls.
#define CREATE_ATTEMPTS 10

static void warn(const struct keeper *keeper, const char *what, const char *path)
{
	keeper_log(keeper, "cannot %s %s: %s", what, path, strerror(errno));
}

/** Writes to a file of the cgroup file system, which must exist. */
static int write_setting(const char *path, const char *value, size_t length)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int result = write_all(fd, value, length);
	int error = errno;
	close(fd);
	errno = error;
	return result;
}

static int copy_setting_if_empty(const char *directory, const char *parent, const char *name)
{
	char path[PATH_MAX];
	char value[1024];
	if (format_path(path, sizeof path, "%s/%s", directory, name) != 0)
		return -1;
	ssize_t length = read_small_file(path, value, sizeof value);
	if (length < 0 || (length > 0 && value[0] != '\n'))
		return length < 0 ? -1 : 0;
	char source[PATH_MAX];
	if (format_path(source, sizeof source, "%s/%s", parent, name) != 0)
		return -1;
	length = read_small_file(source, value, sizeof value);
	return length < 0 ? -1 : write_setting(path, value, (size_t)length);
}

/** A new cpuset cgroup of version 1 has no processors and no memory nodes, and takes no process until it has. */
static int fill_cpuset(const char *directory, const char *parent)
{
	if (copy_setting_if_empty(directory, parent, "cpuset.cpus") != 0)
		return -1;
	return copy_setting_if_empty(directory, parent, "cpuset.mems");
}

static int make_directory(const char *path)
{
	return mkdir(path, 0755) == 0 || errno == EEXIST ? 0 : -1;
}

static int enter(const char *root, const char *parent, const char *directory, bool is_cpuset)
{
	char procs[PATH_MAX];
	if (format_path(procs, sizeof procs, "%s/cgroup.procs", directory) != 0)
		return -1;
	for (int attempt = 0; attempt < CREATE_ATTEMPTS; attempt++) {
		int result = make_directory(parent) == 0 && make_directory(directory) == 0 ? 0 : -1;
		if (result == 0 && is_cpuset)
			result = fill_cpuset(parent, root) == 0 ? fill_cpuset(directory, parent) : -1;
		// "0" is whoever writes it.
		if (result == 0)
			result = write_setting(procs, "0", 1);
		if (result == 0)
			return 0;
		// ENODEV: the file was open when its directory was removed.
		if (errno != ENOENT && errno != ENODEV)
			return -1;
	}
	return -1;
}

static void remember(char *joined, size_t size, const char *directory)
{
	size_t used = strlen(joined);
	if (format_path(joined + used, size - used, "%s%s", used ? ":" : "", directory) != 0)
		joined[used] = '\0';
}

static void join_hierarchy(
	const struct keeper *keeper, const struct cgroup_mounts *mounts, const struct cgroup_membership *membership,
	char *joined, size_t size)
{
	const struct cgroup_mount *mount = cgroup_mounts_find(mounts, membership);
	// Not mounted: out of everybody's reach. In the root: in nobody's service, and a move costs the kernel a
	// grace period of some 10 ms, in which the first container would wait.
	if (!mount || strcmp(membership->path, mount->root) == 0)
		return;
	char parent[PATH_MAX];
	char directory[PATH_MAX];
	if (format_path(parent, sizeof parent, "%s/%s", mount->point, DAEMON_CGROUP_PARENT) != 0 ||
		format_path(directory, sizeof directory, "%s/%s", mount->point, DAEMON_CGROUP) != 0)
		return;
	bool is_cpuset = list_holds(membership->controllers, "cpuset", strlen("cpuset"));
	if (enter(mount->point, parent, directory, is_cpuset) == 0) {
		remember(joined, size, directory);
		return;
	}
	warn(keeper, "move the keeper into its own cgroup", directory);
	rmdir(directory);
	rmdir(parent);
}

static void read_mounts(const struct keeper *keeper, struct cgroup_mounts *mounts)
{
	mounts->count = 0;
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		warn(keeper, "read", "/proc/self/mountinfo");
		return;
	}
	struct line_reader reader;
	line_reader_init(&reader, fd);
	for (char *line = line_reader_next(&reader); line; line = line_reader_next(&reader))
		cgroup_mounts_add(mounts, line);
	close(fd);
}

/** The whole file at once, before any move: the kernel makes its text anew at each read. */
static void read_memberships(const struct keeper *keeper, const char *path, char *text, size_t size)
{
	ssize_t length = read_small_file(path, text, size);
	if (length < 0) {
		warn(keeper, "read", path);
		text[0] = '\0';
	}
}

/** Takes the next line of a list of memberships. */
static bool next_membership(char **rest, struct cgroup_membership *membership)
{
	while (**rest) {
		char *line = *rest;
		*rest += strcspn(*rest, "\n");
		if (**rest)
			*(*rest)++ = '\0';
		if (cgroup_membership_parse(line, membership))
			return true;
	}
	return false;
}

void cgroup_join_own(const struct keeper *keeper, char *joined, size_t size)
{
	static struct cgroup_mounts mounts;
	char text[8192];
	struct cgroup_membership membership;
	joined[0] = '\0';
	read_mounts(keeper, &mounts);
	read_memberships(keeper, "/proc/self/cgroup", text, sizeof text);
	for (char *rest = text; next_membership(&rest, &membership);)
		join_hierarchy(keeper, &mounts, &membership, joined, size);
}

/** From <root>/proxmox-lxcri/daemon back to <root>, and both directories removed where nobody else needs them. */
static void leave(char *directory)
{
	char procs[PATH_MAX];
	char *suffix = strstr(directory, "/" DAEMON_CGROUP);
	if (!suffix)
		return;
	if (format_path(procs, sizeof procs, "%.*s/cgroup.procs", (int)(suffix - directory), directory) != 0 ||
		write_setting(procs, "0", 1) != 0)
		return;
	rmdir(directory);
	*strrchr(directory, '/') = '\0';
	rmdir(directory);
}

void cgroup_leave_own(char *joined)
{
	while (*joined) {
		char *directory = joined;
		joined += strcspn(joined, ":");
		if (*joined)
			*joined++ = '\0';
		leave(directory);
	}
}

/** Where containers' cgroups begin: the cgroup of PID 1 without init.scope, as shim/cgroups/hierarchies.ts has it. */
static int find_base(const struct cgroup_mount *mount, const char *path, char base[PATH_MAX])
{
	size_t root = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);
	if (strncmp(path, mount->root, root) != 0)
		return -1;
	path += root;
	size_t length = strlen(path);
	const size_t scope = strlen("/init.scope");
	if (length >= scope && strcmp(path + length - scope, "/init.scope") == 0)
		length -= scope;
	while (length > 0 && path[length - 1] == '/')
		length--;
	return format_path(base, PATH_MAX, "%s%.*s", mount->point, (int)length, path);
}

void cgroup_remove_monitors(const struct keeper *keeper)
{
	static struct cgroup_mounts mounts;
	char text[8192];
	struct cgroup_membership membership;
	read_mounts(keeper, &mounts);
	read_memberships(keeper, "/proc/1/cgroup", text, sizeof text);
	for (char *rest = text; next_membership(&rest, &membership);) {
		char base[PATH_MAX];
		char directory[PATH_MAX];
		const struct cgroup_mount *mount = cgroup_mounts_find(&mounts, &membership);
		if (!mount || find_base(mount, membership.path, base) != 0)
			continue;
		if (format_path(directory, sizeof directory, "%s/" MONITOR_CGROUP, base) == 0)
			rmdir(directory);
		if (format_path(directory, sizeof directory, "%s/" DAEMON_CGROUP_PARENT, base) == 0)
			rmdir(directory);
	}
}
