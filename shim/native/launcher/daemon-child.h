#ifndef LXCRI_DAEMON_CHILD_H
#define LXCRI_DAEMON_CHILD_H

#include "daemon-environment.h"

#include <limits.h>

/** All that the forked process needs to become the daemon. */
struct daemon_child {
	int socket_fd;
	int lock_fd;
	int log_fd;
	int report_fd; // takes the text of a failure; closed by a successful exec
	char node[PATH_MAX];
	char script[PATH_MAX];
	struct daemon_environment environment;
};

/** Never returns: runs Node, or reports why not and ends. */
_Noreturn void daemon_child_run(struct daemon_child *child);

#endif
