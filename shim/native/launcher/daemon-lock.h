#ifndef LXCRI_DAEMON_LOCK_H
#define LXCRI_DAEMON_LOCK_H

#include "failure.h"
#include "paths.h"

#include <stdbool.h>

/*
 * The lock that a daemon of this build holds as long as it lives. It is a flock on an open file description which the
 * daemon inherits (descriptor 4), so that the kernel itself frees it when the daemon ends, by whatever cause.
 */

enum lock_result { LOCK_TAKEN, LOCK_BUSY, LOCK_REPLACED, LOCK_FAILED };

/** Opens the lock file and creates it where absent. The descriptor, or -1 with errno. */
int daemon_lock_open(const struct paths *paths);

/**
 * Tries the lock once. LOCK_REPLACED: the path no longer names this file, because a daemon that ended has removed it;
 * the caller opens it afresh. A lock on a file that has lost its name would guard nothing.
 */
enum lock_result daemon_lock_try(int fd, const struct paths *paths, struct failure *failure);

/** Tells the daemon that somebody is about to connect: it reads the file's mtime before it ends for idleness. */
int daemon_lock_touch(int fd, const struct paths *paths, struct failure *failure);

#endif
