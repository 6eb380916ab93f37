#ifndef LXCRI_DAEMON_ENVIRONMENT_H
#define LXCRI_DAEMON_ENVIRONMENT_H

#include "failure.h"
#include "paths.h"

#include <stddef.h>

#define DAEMON_ENVIRONMENT_MAX 128

/**
 * The keeper's environment, and the daemons'. They outlive the containerd that happened to start them and serve others
 * too, so nothing that belongs to one containerd or one container may get in (NOTIFY_SOCKET, TTRPC_ADDRESS, NAMESPACE,
 * NODE_OPTIONS).
 */
struct daemon_environment {
	char *variables[DAEMON_ENVIRONMENT_MAX + 1]; // NULL-terminated, for execve
	size_t count;
	char text[4 * PATH_MAX]; // the variables that are made here
	size_t text_used;
};

/** Picks PATH, HOME, LANG and LXCRI_* from `inherited`, and adds LXCRI_BUILD, LXCRI_RUN_DIR and LXCRI_LIB_DIR. */
int daemon_environment_init(
	struct daemon_environment *environment, char *const inherited[], const struct paths *paths, const char *build,
	struct failure *failure);

/** Adds one variable of our own. */
int daemon_environment_add(
	struct daemon_environment *environment, const char *name, const char *value, struct failure *failure);

/** The value of a variable in an environment, or NULL. */
const char *environment_value(char *const environment[], const char *name);

#endif
