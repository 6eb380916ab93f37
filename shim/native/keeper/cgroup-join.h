#ifndef LXCRI_CGROUP_JOIN_H
#define LXCRI_CGROUP_JOIN_H

#include <stddef.h>

struct keeper;

/** The cgroup of keeper and daemons, in each hierarchy, below its root; and that of the monitors, below PID 1's. */
#define DAEMON_CGROUP_PARENT "proxmox-lxcri"
#define DAEMON_CGROUP "proxmox-lxcri/daemon"
#define MONITOR_CGROUP "proxmox-lxcri/monitor"

/**
 * Moves this process out of whatever service started it, into DAEMON_CGROUP of each hierarchy in which it is not in
 * the root already: else containerd's limits would apply to the daemon, and systemd would kill it with containerd.
 * Daemons inherit that. Nothing here is fatal: what fails is written to the keeper's log.
 *
 * `joined` receives the directories it now lives in, separated by colons.
 */
void cgroup_join_own(const struct keeper *keeper, char *joined, size_t size);

/**
 * The way back. Cuts the list up. A keeper that was killed leaves its directories for the next one; what another one
 * lives in stays.
 */
void cgroup_leave_own(char *joined);

/** Removes the cgroups above those of monitors, where they are empty. */
void cgroup_remove_monitors(const struct keeper *keeper);

#endif
