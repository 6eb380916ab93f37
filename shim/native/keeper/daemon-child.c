#include "daemon-child.h"

#include "daemon-process.h"
#include "descriptor-limit.h"
#include "host/failure.h"
#include "host/file-io.h"
#include "host/node-program.h"
#include "host/process-start.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/** A keeper that dies takes its daemon with it: two daemons must never work on the same containers. */
static int die_with(pid_t keeper, struct failure *failure)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return fail_errno(failure, "cannot bind the shim daemon to the keeper");
	// It may have died just before.
	return getppid() == keeper ? 0 : fail(failure, "the keeper has ended");
}

static int place(struct daemon_child *child, struct failure *failure)
{
	struct placed_descriptor places[] = {
		{child->log_fd, 1},
		{child->log_fd, 2},
		{child->relay_fd, DAEMON_RELAY_FD},
		{child->control_fd, DAEMON_CONTROL_FD},
	};
	int report_fd = place_descriptors(places, sizeof places / sizeof places[0], child->report_fd, failure);
	if (report_fd < 0)
		return -1;
	child->report_fd = report_fd;
	return 0;
}

static void execute(struct daemon_child *child)
{
	char *argv[NODE_FLAGS_MAX + 3];
	size_t count = 0;
	argv[count++] = child->program.node;
	for (const char *const *flag = node_flags; *flag; flag++)
		argv[count++] = (char *)*flag;
	argv[count++] = child->program.script;
	argv[count] = NULL;
	execve(child->program.node, argv, child->environment.variables);
}

static int become_daemon(struct daemon_child *child, struct failure *failure)
{
	reset_signals();
	if (die_with(child->keeper, failure) != 0)
		return -1;
	setsid();
	umask(077);
	descriptor_limit_restore();
	if (chdir("/") != 0)
		return fail_errno(failure, "cannot change to the root directory");
	if (child->network_fd >= 0 && setns(child->network_fd, CLONE_NEWNET) != 0)
		return fail_errno(failure, "cannot join the daemons' network namespace");
	if (place(child, failure) != 0)
		return -1;
	execute(child);
	return fail_errno(failure, "cannot run Node.js at %s (" NODE_INSTALL_HINT ")", child->program.node);
}

_Noreturn void daemon_child_run(struct daemon_child *child)
{
	static struct failure failure;
	if (become_daemon(child, &failure) != 0)
		write_all(child->report_fd, failure.text, strlen(failure.text));
	_exit(1);
}
