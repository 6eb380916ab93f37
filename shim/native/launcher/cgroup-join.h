#ifndef LXCRI_CGROUP_JOIN_H
#define LXCRI_CGROUP_JOIN_H

#include <stddef.h>

/** The cgroup of the daemon, in each hierarchy, below its root. */
#define DAEMON_CGROUP_PARENT "proxmox-lxcri"
#define DAEMON_CGROUP "proxmox-lxcri/daemon"

/**
 * Moves this process out of whatever service started it, into DAEMON_CGROUP of each hierarchy in which it is not in
 * the root already: else containerd's limits would apply to the daemon, and systemd would kill it with containerd.
 * Nothing here is fatal: what fails is written to stderr, which is the daemon's log by then.
 *
 * `joined` receives the directories it now lives in, separated by colons. The daemon gets them as LXCRI_CGROUP_DIRS,
 * because only it can clean them up: a cgroup with a process in it cannot be removed, and whoever started the daemon is
 * long gone when it ends. So at the end of its life, for each such directory, it writes its pid to the cgroup.procs
 * two levels up (the hierarchy's root), removes the directory, then its parent; ENOTEMPTY and EBUSY mean that another
 * build's daemon still lives there. A daemon that was killed leaves them for the next one.
 */
void cgroup_join_own(char *joined, size_t size);

/** The way back, for when the daemon cannot run after all. Cuts the list up. */
void cgroup_leave_own(char *joined);

#endif
