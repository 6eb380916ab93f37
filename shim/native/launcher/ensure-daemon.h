#ifndef LXCRI_ENSURE_DAEMON_H
#define LXCRI_ENSURE_DAEMON_H

#include "deadline.h"
#include "failure.h"
#include "paths.h"

/**
 * Makes sure that a daemon of this build listens on paths->socket, and goes on to listen until its linger time after
 * this call has passed. Safe against any number of launchers at once, and against a daemon that is about to end.
 *
 * The two sides of that race, on three files named by the build:
 *
 *   launcher                                     daemon, when it has been idle for its linger time
 *   1. touch the lock file (its mtime)           1. create the `leaving` file
 *   2. `leaving` absent, socket alive?           2. mtime of the lock file changed since the linger began?
 *      yes: done                                    yes: remove `leaving`, linger anew
 *      no:  wait, and from 1 again                  no:  remove the socket, then `leaving`, then (if it likes) the
 *           or, once the lock is free,                   lock file, and end, which frees the lock
 *           start a daemon
 *
 * Each writes its own mark before it reads the other's, so at least one of them sees the other. The socket is never
 * gone while a daemon may still stay: containerd connects right after `start`, and does not try twice.
 *
 * A daemon that finds paths->socket_new at its start renames it to paths->socket: its launcher was killed in between.
 */
int ensure_daemon(const struct paths *paths, deadline end, struct failure *failure);

#endif
