#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
/* ioctl_ns(2); musl's wrapper has no kernel headers in its path */
#define LXCRI_NS_GET_NSTYPE _IO(0xb7, 0x3)

static int check_namespace(struct monitor *monitor, const struct joined_namespace *joined)
{
	int fd = open(joined->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int type;

	if (fd < 0)
		return monitor_fail(monitor, "%s: cannot open %s: %s", joined->field, joined->path, strerror(errno));
	type = ioctl(fd, LXCRI_NS_GET_NSTYPE);
	close(fd);
	if (type > 0 && (uint32_t)type == joined->type)
		return 0;
	errno = EINVAL;
	return monitor_fail(monitor, "%s: %s is no %s namespace", joined->field, joined->path, joined->name);
}

int check_namespaces(struct monitor *monitor)
{
	for (size_t i = 0; i < monitor->namespace_count; i++)
		if (check_namespace(monitor, &monitor->namespaces[i]) < 0)
			return -1;
	return 0;
}

static bool is_same_namespace(pid_t pid, const char *name)
{
	char path[64];
	struct stat own, theirs;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	if (stat(path, &own) < 0)
		return true; /* this kernel has none of that kind */
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
	return stat(path, &theirs) < 0 || (own.st_ino == theirs.st_ino && own.st_dev == theirs.st_dev);
}

int foreign_namespaces(pid_t pid)
{
	static const struct {
		const char *name;
		int flag;
	} kinds[] = {
		{"user", CLONE_NEWUSER}, {"mnt", CLONE_NEWNS},  {"uts", CLONE_NEWUTS},       {"ipc", CLONE_NEWIPC},
		{"pid", CLONE_NEWPID},   {"net", CLONE_NEWNET}, {"cgroup", CLONE_NEWCGROUP}, {"time", CLONE_NEWTIME},
	};
	int flags = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!is_same_namespace(pid, kinds[i].name))
			flags |= kinds[i].flag;
	return flags;
}
