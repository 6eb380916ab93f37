#ifndef LXCRI_RUN_DIR_H
#define LXCRI_RUN_DIR_H

#include "failure.h"
#include "paths.h"

/**
 * Makes the run directory, 0711, where it is absent. Refuses one that somebody else owns or may write to: whoever can
 * write there can pose as the daemon, which runs as root.
 */
int run_dir_prepare(const struct paths *paths, struct failure *failure);

/** The same of the directories in it, 0700: the daemon's, and that of the sockets. Only for the holder of the lock. */
int run_dir_prepare_own(const struct paths *paths, struct failure *failure);

/** Removes those in it where they are empty. Only for the holder of the lock: nobody else makes them meanwhile. */
void run_dir_remove_own(const struct paths *paths);

/** Removes the run directory if it is empty. */
void run_dir_remove(const struct paths *paths);

#endif
