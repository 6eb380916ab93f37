#ifndef LXCRI_LXC_MOUNT_NAMESPACE_H
#define LXCRI_LXC_MOUNT_NAMESPACE_H

/*
 * Gives this process a mount namespace of its own in which the host's cgroups are not mounted. liblxc then leaves
 * cgroups alone (cgfsng.c: every operation is done where there is no hierarchy): they are the monitor's (see
 * shim/native/monitor/cgroup-setup.c for the reason). `keep` are the paths that liblxc will use, ended by NULL.
 * Returns 0, or -1 with errno.
 */
int hide_cgroups(const char *const keep[]);

#endif
