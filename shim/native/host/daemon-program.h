#ifndef LXCRI_DAEMON_PROGRAM_H
#define LXCRI_DAEMON_PROGRAM_H

#include "failure.h"

#include <limits.h>

/** What is executed to have a daemon. */
struct daemon_program {
	char node[PATH_MAX];
	char script[PATH_MAX];
};

/**
 * Finds Node.js by the environment, and the daemon's program in `lib_dir`, and looks whether both can be used. The
 * launcher does that before it starts a keeper, as containerd shows its failure to a person; the keeper before each
 * daemon.
 */
int daemon_program_find(
	struct daemon_program *program, char *const environment[], const char *lib_dir, struct failure *failure);

#endif
