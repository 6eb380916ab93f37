#ifndef LXCRI_CGROUP_TABLE_H
#define LXCRI_CGROUP_TABLE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Where this process is in each cgroup hierarchy, and where each is mounted: version 1 hierarchies and the unified
 * one alike, because Debian still boots with either or both. Pure text work, on lines of /proc/self/{cgroup,mountinfo}.
 */

#define CGROUP_MOUNTS_MAX 32

/** One line of /proc/self/cgroup; the strings point into that line. */
struct cgroup_membership {
	const char *controllers; // "" for the unified hierarchy
	const char *path;
};

struct cgroup_mount {
	bool unified;
	char root[256];  // which directory of the hierarchy the mount shows, "/" outside of containers
	char point[256]; // where
	char options[256];
};

struct cgroup_mounts {
	struct cgroup_mount mounts[CGROUP_MOUNTS_MAX];
	size_t count;
};

/** Splits a line of /proc/self/cgroup in place. */
bool cgroup_membership_parse(char *line, struct cgroup_membership *membership);

/** Takes a line of /proc/self/mountinfo; adds it where it is a cgroup mount. Changes the line. */
void cgroup_mounts_add(struct cgroup_mounts *mounts, char *line);

/** The mount of a membership's hierarchy, or NULL. */
const struct cgroup_mount *
cgroup_mounts_find(const struct cgroup_mounts *mounts, const struct cgroup_membership *membership);

/** Whether a comma-separated list holds a word. */
bool list_holds(const char *list, const char *word, size_t length);

#endif
