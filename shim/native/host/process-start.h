#ifndef LXCRI_PROCESS_START_H
#define LXCRI_PROCESS_START_H

#include "failure.h"

#include <stddef.h>

/*
 * What a forked child does before it executes a program that has nothing of its starter's: the launcher's child that
 * becomes the keeper, the keeper's that becomes a daemon.
 */

/** One descriptor of the program, in its place: `from` becomes number `to`. */
struct placed_descriptor {
	int from;
	int to;
};

/**
 * Puts /dev/null at 0 and the given descriptors in their places, `report_fd` behind them, where a successful exec
 * closes it, and closes all others. `places` is changed. Answers the new number of report_fd, or -1.
 */
int place_descriptors(struct placed_descriptor *places, size_t count, int report_fd, struct failure *failure);

/** containerd's Go runtime and systemd leave masks and ignored signals behind, which exec would keep. */
void reset_signals(void);

#endif
