#ifndef LXCRI_RUN_DIR_H
#define LXCRI_RUN_DIR_H

#include "failure.h"
#include "paths.h"

/**
 * Makes the run directory, 0711, and in it the daemon's and that of the sockets, 0700, where they are absent. Refuses
 * one that somebody else owns or may write to: whoever can write there can pose as the daemon, which runs as root.
 */
int run_dir_prepare(const struct paths *paths, struct failure *failure);

/** Removes all three again where they are empty. What is in use stays. */
void run_dir_remove_if_empty(const struct paths *paths);

#endif
