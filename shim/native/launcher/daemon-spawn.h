#ifndef LXCRI_DAEMON_SPAWN_H
#define LXCRI_DAEMON_SPAWN_H

#include "deadline.h"
#include "failure.h"
#include "paths.h"

/** Which descriptors the daemon finds open besides 0-2, and no others. */
#define DAEMON_SOCKET_FD 3
#define DAEMON_LOCK_FD 4
/** The network namespace in which containerd called; the daemon has another (daemon-child.c says why). */
#define DAEMON_HOST_NETWORK_FD 5

enum spawn_result { SPAWN_RUNS, SPAWN_FAILED, SPAWN_UNKNOWN };

/**
 * Starts Node with the shim daemon in a session, working directory and cgroup of its own, and waits until exec has
 * succeeded or failed. The daemon owns copies of both descriptors from then on.
 * SPAWN_UNKNOWN: the machine is so slow that the time is up; the daemon may well run a little later.
 */
enum spawn_result
daemon_spawn(const struct paths *paths, int socket_fd, int lock_fd, deadline end, struct failure *failure);

#endif
