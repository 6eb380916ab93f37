/* The cgroup hierarchies of this host, and a cgroup in each that is the test's own. */
#ifndef LXCRI_MONITOR_TESTS_HIERARCHIES_H
#define LXCRI_MONITOR_TESTS_HIERARCHIES_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing/check.h"

/* The mount point of a controller of v1, or of v2 (`controller` NULL); NULL if this host has none. */
static inline const char *hierarchy(const char *controller)
{
	static const char *const unified[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	static char path[64];
	char file[128];

	for (int i = 0; i < 2 && !controller; i++) {
		snprintf(file, sizeof(file), "%s/cgroup.controllers", unified[i]);
		if (access(file, F_OK) == 0)
			return unified[i];
	}
	snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", controller ? controller : "");
	snprintf(file, sizeof(file), "%s/tasks", path);
	return controller && access(file, F_OK) == 0 ? path : NULL;
}

/* "/lxcri-test-PID" */
static inline const char *own_path(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/lxcri-test-%d", (int)getpid());
	return path;
}

static inline bool in_hierarchy(const char *base, const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s%s", base, path);
	return access(full, F_OK) == 0;
}

#endif
