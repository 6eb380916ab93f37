#ifndef LXCRI_DAEMON_SOCKET_H
#define LXCRI_DAEMON_SOCKET_H

#include "failure.h"
#include "paths.h"

#include <stdbool.h>

/**
 * Whether a process has the socket open behind its path. The path alone says little: that of a killed daemon stays.
 * The daemon notices nothing of the question.
 */
bool daemon_socket_is_live(const char *path);

/* The rest is for the holder of the daemon lock alone. */

/** Removes what a daemon that was killed has left: all files that begin with the build, but for the lock. */
int daemon_socket_remove_stale(const struct paths *paths, struct failure *failure);

/** Binds and listens at paths->socket_new, where nobody looks yet. The descriptor, or -1. */
int daemon_socket_listen(const struct paths *paths, struct failure *failure);

/** Moves the socket to where containerd looks: from now on whoever connects is served. */
int daemon_socket_publish(const struct paths *paths, struct failure *failure);

#endif
