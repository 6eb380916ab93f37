/*
 * Making the container's cgroups, and what its init needs to join them.
 *
 * liblxc would do this too, but it moves itself first, and a move waits for an RCU grace period (8 ms and more) before
 * anything else goes on. Here the cgroups are made while liblxc starts, and v1 costs no wait at all: a thread that
 * writes "0" to a `tasks` file moves itself without the lock that waits (kernel/cgroup, cgroup_procs_write_start). In
 * v2 the init is moved by us, after the wait that the daemon has begun early (shim/daemon/cgroup-warm-up.ts).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor.h"

static ssize_t read_file_at(int directory, const char *name, char *buffer, size_t room)
{
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return -1;
	size = read(fd, buffer, room);
	close(fd);
	return size;
}

static int write_file_at(int directory, const char *name, const char *value, size_t size)
{
	int fd = openat(directory, name, O_WRONLY | O_CLOEXEC);
	ssize_t written;
	int saved;

	if (fd < 0)
		return -1;
	written = write(fd, value, size);
	saved = errno;
	close(fd);
	errno = saved;
	return written == (ssize_t)size ? 0 : -1;
}

/* A new cpuset of v1 has no CPUs and no memory nodes, and takes no process until it has: they are the parent's. */
static int inherit_cpuset(int parent, int child)
{
	static const char *const names[] = {"cpuset.cpus", "cpuset.mems"};
	char value[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ssize_t size = read_file_at(child, names[i], value, sizeof(value));

		if (size < 0)
			return -1;
		if (size > 1)
			continue;
		size = read_file_at(parent, names[i], value, sizeof(value));
		if (size <= 0 || write_file_at(child, names[i], value, (size_t)size) < 0)
			return -1;
	}
	return 0;
}

/* Hands every controller that the parent has on to its children. One that cannot be (a real-time task needs cpu) is
 * left out: a limit that needs it then fails by its file's absence. */
static void enable_controllers(int parent)
{
	char list[1024], word[128];
	ssize_t size = read_file_at(parent, "cgroup.controllers", list, sizeof(list) - 1);

	if (size <= 0)
		return;
	list[size] = '\0';
	for (char *rest = list, *name; (name = strsep(&rest, " \n"));) {
		int length = *name ? snprintf(word, sizeof(word), "+%s", name) : 0;

		if (length > 0 && (size_t)length < sizeof(word))
			write_file_at(parent, "cgroup.subtree_control", word, (size_t)length);
	}
}

static int prepare_child(enum cgroup_kind kind, int parent, int child)
{
	return kind == CGROUP_V1_CPUSET ? inherit_cpuset(parent, child) : 0;
}

/* Makes one level. The last must be new: two containers in one cgroup would share limits and be killed together. */
static int make_level(enum cgroup_kind kind, int parent, const char *name, bool last)
{
	int child;

	if (kind == CGROUP_V2)
		enable_controllers(parent);
	if (mkdirat(parent, name, 0755) < 0) {
		if (errno != EEXIST)
			return -1;
		/* An empty one is what a crash left. */
		if (last && (unlinkat(parent, name, AT_REMOVEDIR) < 0 || mkdirat(parent, name, 0755) < 0))
			return -1;
	}
	child = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (child >= 0 && prepare_child(kind, parent, child) < 0) {
		int saved = errno;

		close(child);
		if (last)
			unlinkat(parent, name, AT_REMOVEDIR);
		errno = saved;
		return -1;
	}
	return child;
}

static int make_cgroup(const struct cgroup *cgroup)
{
	char path[PATH_MAX];
	char *rest = path;
	int directory;

	if (strlen(cgroup->path) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(path, cgroup->path + 1);
	directory = open(cgroup->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (char *name; directory >= 0 && (name = strsep(&rest, "/"));) {
		int child = make_level(cgroup->kind, directory, name, rest == NULL);
		int saved = errno;

		close(directory);
		errno = saved;
		directory = child;
	}
	if (directory < 0)
		return -1;
	return close(directory);
}

int make_cgroups(struct monitor *monitor)
{
	for (size_t i = 0; i < monitor->cgroup_count; i++) {
		const struct cgroup *cgroup = &monitor->cgroups[i];

		if (make_cgroup(cgroup) == 0) {
			monitor->made_cgroups = i + 1;
			continue;
		}
		if (errno == EBUSY)
			return monitor_fail(
				monitor, "linux.cgroupsPath: the cgroup %s%s is in use by another container", cgroup->base,
				cgroup->path);
		return monitor_fail(
			monitor, "linux.cgroupsPath: cannot make the cgroup %s%s: %s", cgroup->base, cgroup->path, strerror(errno));
	}
	/* From here on whoever cleans up after us may kill what is in them. */
	write_status(&monitor->init);
	return 0;
}

int apply_cgroup_settings(struct monitor *monitor)
{
	for (size_t i = 0; i < monitor->setting_count; i++) {
		const struct cgroup_setting *setting = &monitor->settings[i];
		size_t size = strlen(setting->value);

		if (write_file_at(AT_FDCWD, setting->file, setting->value, size) < 0)
			return monitor_fail(
				monitor, "%s: cannot write \"%.200s\" to %s: %s", setting->field, setting->value, setting->file,
				strerror(errno));
	}
	return 0;
}

static int format_path(char path[PATH_MAX], const struct cgroup *cgroup, const char *file)
{
	int length = snprintf(path, PATH_MAX, "%s%s/%s", cgroup->base, cgroup->path, file);

	if (length > 0 && length < PATH_MAX)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

int open_join_file(const struct cgroup *cgroup)
{
	char path[PATH_MAX];

	return format_path(path, cgroup, "tasks") < 0 ? -1 : open(path, O_WRONLY | O_CLOEXEC);
}

int join_unified(const struct cgroup *cgroup, pid_t pid)
{
	char path[PATH_MAX], text[32];
	int length = snprintf(text, sizeof(text), "%d", (int)pid);

	if (format_path(path, cgroup, "cgroup.procs") < 0)
		return -1;
	return write_file_at(AT_FDCWD, path, text, (size_t)length);
}
