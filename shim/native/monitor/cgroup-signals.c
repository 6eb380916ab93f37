/* A signal for every process of the container, as Kill with `all` asks for it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor.h"

#define MAX_DEPTH 256

static int open_cgroup(const struct cgroup *cgroup)
{
	int base = open(cgroup->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = base < 0 ? -1 : openat(base, cgroup->path + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (base >= 0)
		close(base);
	return fd;
}

static int signal_members(int directory, int number)
{
	int fd = openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC), error = 0;
	FILE *procs = fd < 0 ? NULL : fdopen(fd, "r");
	long pid;

	if (!procs) {
		if (fd >= 0)
			close(fd);
		return 0; /* the cgroup was removed meanwhile */
	}
	while (fscanf(procs, "%ld", &pid) == 1)
		/* 0 is a process that this PID namespace does not see. */
		if (pid > 1 && pid != getpid() && kill((pid_t)pid, number) < 0 && errno != ESRCH)
			error = errno;
	fclose(procs);
	return error;
}

/* Takes the descriptor. Depth first. */
static int signal_tree(int directory, int number, int depth)
{
	DIR *stream = fdopendir(directory);
	int error = 0, below;
	struct dirent *entry;

	if (!stream) {
		close(directory);
		return errno;
	}
	while (depth < MAX_DEPTH && (entry = readdir(stream))) {
		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		below = openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (below >= 0 && (below = signal_tree(below, number, depth + 1)) != 0)
			error = below;
	}
	below = signal_members(directory, number);
	closedir(stream);
	return below ? below : error;
}

/* v1's freezer, or -1. */
static int open_freezer(const struct monitor *monitor)
{
	for (size_t i = 0; i < monitor->made_cgroups; i++) {
		int fd = monitor->cgroups[i].kind == CGROUP_V2 ? -1 : open_cgroup(&monitor->cgroups[i]);

		if (fd >= 0 && faccessat(fd, "freezer.state", F_OK, 0) == 0)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

static bool is_thawed(int freezer)
{
	char state[16] = "";
	int fd = openat(freezer, "freezer.state", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, state, sizeof(state) - 1) < 0)
			state[0] = '\0';
		close(fd);
	}
	return strncmp(state, "THAWED", 6) == 0;
}

int signal_in_cgroups(const struct monitor *monitor, int number)
{
	int first = monitor->made_cgroups == 0 ? -1 : open_cgroup(&monitor->cgroups[0]);
	int freezer, error;
	bool thaw;

	if (first < 0)
		return 0;
	if (number == SIGKILL && write_cgroup_text(first, "cgroup.kill", "1")) {
		close(first);
		return 0;
	}
	/* So that none is started meanwhile without it. A paused container stays so, but dies only thawed. */
	freezer = open_freezer(monitor);
	thaw = freezer >= 0 && (number == SIGKILL || is_thawed(freezer));
	if (thaw)
		write_cgroup_text(freezer, "freezer.state", "FROZEN");
	error = signal_tree(first, number, 0);
	if (thaw)
		write_cgroup_text(freezer, "freezer.state", "THAWED");
	if (freezer >= 0)
		close(freezer);
	return error;
}
