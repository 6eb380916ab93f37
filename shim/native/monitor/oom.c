/*
 * Tells when the kernel kills in the container's memory cgroup: in v1 by an eventfd that waits on memory.oom_control
 * (kernel, cgroup-v1/memory.rst, 9 and 10), in v2 by an inotify on memory.events, whose oom_kill counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "monitor.h"

static int open_in(const char *directory, const char *file, int flags)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", directory, file) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(path, flags | O_CLOEXEC);
}

static int watch_legacy(const char *directory)
{
	int notice = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int state = open_in(directory, "memory.oom_control", O_RDONLY);
	int control = open_in(directory, "cgroup.event_control", O_WRONLY);
	char text[32];
	int size = snprintf(text, sizeof(text), "%d %d", notice, state);

	if (notice >= 0 && (state < 0 || control < 0 || write(control, text, (size_t)size) != size)) {
		close(notice);
		notice = -1;
	}
	if (state >= 0)
		close(state);
	if (control >= 0)
		close(control);
	return notice;
}

static int watch_unified(const char *directory)
{
	char path[PATH_MAX];
	int notice = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	snprintf(path, sizeof(path), "%s/memory.events", directory);
	if (notice >= 0 && inotify_add_watch(notice, path, IN_MODIFY) < 0) {
		close(notice);
		return -1;
	}
	return notice;
}

void watch_oom(struct monitor *monitor)
{
	if (!monitor->oom_directory)
		return;
	monitor->oom = monitor->oom_unified ? watch_unified(monitor->oom_directory) : watch_legacy(monitor->oom_directory);
	if (monitor->oom < 0)
		warn(monitor, "nobody will hear when memory runs out: %s: %s", monitor->oom_directory, strerror(errno));
}

/* How often the kernel killed there; what is known already if it does not say. */
static uint64_t count_unified(const struct monitor *monitor)
{
	char text[512];
	int fd = open_in(monitor->oom_directory, "memory.events", O_RDONLY);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *line;

	if (fd >= 0)
		close(fd);
	if (size <= 0)
		return monitor->oom_count;
	text[size] = '\0';
	line = strstr(text, "oom_kill ");
	return line ? strtoull(line + strlen("oom_kill "), NULL, 10) : monitor->oom_count;
}

void tell_oom(struct monitor *monitor)
{
	tell(monitor, "oom %llu", (unsigned long long)monitor->oom_count);
}

void on_oom(struct monitor *monitor)
{
	uint64_t before = monitor->oom_count, notices = 0;
	char events[1024];

	if (monitor->oom < 0)
		return;
	if (monitor->oom_unified) {
		while (read(monitor->oom, events, sizeof(events)) > 0)
			continue;
		monitor->oom_count = count_unified(monitor);
	} else if (read(monitor->oom, &notices, sizeof(notices)) == (ssize_t)sizeof(notices)) {
		monitor->oom_count += notices;
	}
	if (monitor->oom_count > before)
		tell_oom(monitor);
}

/* The removal of the cgroup would be taken for one more. */
void forget_oom(struct monitor *monitor)
{
	if (monitor->oom >= 0)
		close(monitor->oom);
	monitor->oom = -1;
}
