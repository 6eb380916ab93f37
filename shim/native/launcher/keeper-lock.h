#ifndef LXCRI_KEEPER_LOCK_H
#define LXCRI_KEEPER_LOCK_H

#include "host/failure.h"
#include "host/paths.h"

#include <stdbool.h>

/*
 * The lock that a keeper holds as long as it lives. It is a flock on an open file description which the keeper
 * inherits, so that the kernel itself frees it when the keeper ends, by whatever cause.
 */

enum lock_result { LOCK_TAKEN, LOCK_BUSY, LOCK_REPLACED, LOCK_FAILED };

/** Opens the lock file and creates it where absent. The descriptor, or -1 with errno. */
int keeper_lock_open(const struct paths *paths);

/**
 * Tries the lock once. LOCK_REPLACED: the path no longer names this file, because a keeper that departed has removed
 * it; the caller opens it afresh. A lock on a file that has lost its name would guard nothing.
 */
enum lock_result keeper_lock_try(int fd, const struct paths *paths, struct failure *failure);

/** Whether a keeper lives, whether it answers or not. */
bool keeper_lock_is_held(const struct paths *paths);

#endif
