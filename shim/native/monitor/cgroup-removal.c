/*
 * The container's cgroups are ours to remove (cgroup-setup.c): at its end, and, by --cleanup, after a monitor that was
 * killed. What still runs in them, as it may without a PID namespace, is killed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "monitor.h"

#define REMOVE_TRIES 400
#define REMOVE_PAUSE_NS 5000000L
#define MAX_DEPTH 256

bool write_cgroup_text(int directory, const char *name, const char *value)
{
	int fd = openat(directory, name, O_WRONLY | O_CLOEXEC);
	bool written;

	if (fd < 0)
		return false;
	written = write(fd, value, strlen(value)) >= 0;
	close(fd);
	return written;
}

static void kill_process(const char *line)
{
	long pid = strtol(line, NULL, 10);

	/* 0 is a process that this PID namespace does not see. */
	if (pid > 1 && pid != getpid())
		kill((pid_t)pid, SIGKILL);
}

static void kill_listed(int procs)
{
	char buffer[4096 + 1];
	size_t used = 0;
	ssize_t size;

	while ((size = read(procs, buffer + used, sizeof(buffer) - 1 - used)) > 0) {
		char *line = buffer;

		used += (size_t)size;
		buffer[used] = '\0';
		for (char *end; (end = strchr(line, '\n')); line = end + 1)
			kill_process(line);
		/* The beginning of a number may be left. */
		used = strlen(line);
		memmove(buffer, line, used);
	}
}

static void kill_members(int directory)
{
	int procs;

	if (write_cgroup_text(directory, "cgroup.kill", "1"))
		return;
	/* v1, and there only the freezer has the file: what is frozen cannot fork away from under the list. */
	write_cgroup_text(directory, "freezer.state", "FROZEN");
	procs = openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	if (procs >= 0) {
		kill_listed(procs);
		close(procs);
	}
	/* A frozen process, by us or by a user, dies only once it is thawed. */
	write_cgroup_text(directory, "freezer.state", "THAWED");
}

/* Depth first; true when the directory is gone. */
static bool remove_tree(int parent, const char *name, int depth)
{
	struct dirent *entry;
	DIR *stream;
	int fd;

	if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return true;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return false;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT;
	kill_members(fd);
	stream = fdopendir(fd);
	if (!stream) {
		close(fd);
		return false;
	}
	while (depth < MAX_DEPTH && (entry = readdir(stream)))
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			remove_tree(fd, entry->d_name, depth + 1);
	closedir(stream);
	return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

static bool remove_cgroup(const struct cgroup *cgroup, bool kill_members_too)
{
	int base = open(cgroup->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *path = cgroup->path + 1;
	bool removed;

	if (base < 0)
		return errno == ENOENT;
	removed = kill_members_too ? remove_tree(base, path, 0) : unlinkat(base, path, AT_REMOVEDIR) == 0;
	close(base);
	return removed;
}

void kill_in_cgroups(const struct monitor *monitor)
{
	for (size_t i = 0; i < monitor->made_cgroups; i++) {
		const struct cgroup *cgroup = &monitor->cgroups[i];
		int base = open(cgroup->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int fd = base < 0 ? -1 : openat(base, cgroup->path + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

		if (fd >= 0) {
			kill_members(fd);
			close(fd);
		}
		if (base >= 0)
			close(base);
	}
}

static bool remove_all(const struct monitor *monitor)
{
	bool all = true;

	for (size_t i = 0; i < monitor->made_cgroups; i++)
		all = remove_cgroup(&monitor->cgroups[i], true) && all;
	return all;
}

void remove_empty_cgroups(const struct monitor *monitor)
{
	for (size_t i = 0; i < monitor->cgroup_count; i++)
		remove_cgroup(&monitor->cgroups[i], false);
}

void remove_cgroups(struct monitor *monitor)
{
	const struct timespec pause = {0, REMOVE_PAUSE_NS};

	for (int attempt = 0; attempt < REMOVE_TRIES; attempt++) {
		if (remove_all(monitor))
			return;
		nanosleep(&pause, NULL);
	}
	warn(monitor, "cannot remove the cgroup %s: its processes do not die", monitor->cgroups[0].path);
}
