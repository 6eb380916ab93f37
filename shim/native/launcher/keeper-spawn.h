#ifndef LXCRI_KEEPER_SPAWN_H
#define LXCRI_KEEPER_SPAWN_H

#include "host/deadline.h"
#include "host/failure.h"
#include "host/paths.h"

enum spawn_result { SPAWN_LISTENS, SPAWN_FAILED, SPAWN_UNKNOWN };

/**
 * Starts the keeper in a session and working directory of its own, and waits until it listens or has failed. It owns a
 * copy of the lock's descriptor from then on. Looks first whether a daemon could be run at all.
 * SPAWN_UNKNOWN: the machine is so slow that the time is up; the keeper may well listen a little later.
 */
enum spawn_result keeper_spawn(const struct paths *paths, int lock_fd, deadline end, struct failure *failure);

#endif
