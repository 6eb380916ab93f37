#ifndef LXCRI_DAEMON_CHILD_H
#define LXCRI_DAEMON_CHILD_H

#include "host/daemon-environment.h"
#include "host/daemon-program.h"

#include <sys/types.h>

/** All that the forked process needs to become a daemon. */
struct daemon_child {
	int relay_fd;
	int control_fd;
	int log_fd;
	int report_fd; // takes the text of a failure; closed by a successful exec
	int network_fd;
	pid_t keeper;
	struct daemon_program program;
	struct daemon_environment environment;
};

/** Never returns: runs Node, or reports why not and ends. */
_Noreturn void daemon_child_run(struct daemon_child *child);

#endif
