#include "cgroup-join.h"

#include "cgroup-table.h"
#include "file-io.h"
#include "line-reader.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Another build's daemon that ends may remove the parent between our two mkdir calls.
#define CREATE_ATTEMPTS 10

static void warn(const char *what, const char *path)
{
	dprintf(STDERR_FILENO, "launcher: cannot %s %s: %s\n", what, path, strerror(errno));
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
	const struct cgroup_mounts *mounts, const struct cgroup_membership *membership, char *joined, size_t size)
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
	warn("move the daemon into its own cgroup", directory);
	rmdir(directory);
	rmdir(parent);
}

static void read_mounts(struct cgroup_mounts *mounts)
{
	mounts->count = 0;
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		warn("read", "/proc/self/mountinfo");
		return;
	}
	struct line_reader reader;
	line_reader_init(&reader, fd);
	for (char *line = line_reader_next(&reader); line; line = line_reader_next(&reader))
		cgroup_mounts_add(mounts, line);
	close(fd);
}

void cgroup_join_own(char *joined, size_t size)
{
	joined[0] = '\0';
	static struct cgroup_mounts mounts;
	read_mounts(&mounts);
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		warn("read", "/proc/self/cgroup");
		return;
	}
	// The whole file before the first move: the kernel makes its text anew at each read.
	char text[8192];
	ssize_t length = read_all(fd, text, sizeof text - 1);
	close(fd);
	text[length < 0 ? 0 : length] = '\0';
	char *rest = text;
	while (*rest) {
		char *line = rest;
		rest += strcspn(rest, "\n");
		if (*rest)
			*rest++ = '\0';
		struct cgroup_membership membership;
		if (cgroup_membership_parse(line, &membership))
			join_hierarchy(&mounts, &membership, joined, size);
	}
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
