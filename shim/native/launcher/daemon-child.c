#include "daemon-child.h"

#include "cgroup-join.h"
#include "close-from.h"
#include "daemon-spawn.h"
#include "failure.h"
#include "file-io.h"
#include "node-program.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_FD 6
#define FIRST_UNUSED_FD 7

/** Keeps one descriptor out of the way; its new number replaces the old one. */
static int lift(int *fd)
{
	int lifted = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_UNUSED_FD);
	if (lifted >= 0)
		*fd = lifted;
	return lifted;
}

static int place_descriptors(struct daemon_child *child, struct failure *failure)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null_fd < 0)
		return fail_errno(failure, "cannot open /dev/null");
	int network_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (network_fd < 0)
		return fail_errno(failure, "cannot open /proc/self/ns/net");
	// All above the numbers that are given out, so that placing one never overwrites another.
	if (lift(&child->report_fd) < 0 || lift(&child->log_fd) < 0 || lift(&child->socket_fd) < 0 ||
		lift(&child->lock_fd) < 0 || lift(&null_fd) < 0 || lift(&network_fd) < 0)
		return fail_errno(failure, "cannot prepare the shim daemon's descriptors");
	if (dup2(null_fd, 0) < 0 || dup2(child->log_fd, 1) < 0 || dup2(child->log_fd, 2) < 0 ||
		dup2(child->socket_fd, DAEMON_SOCKET_FD) < 0 || dup2(child->lock_fd, DAEMON_LOCK_FD) < 0 ||
		dup2(network_fd, DAEMON_HOST_NETWORK_FD) < 0 || dup3(child->report_fd, REPORT_FD, O_CLOEXEC) < 0)
		return fail_errno(failure, "cannot place the shim daemon's descriptors");
	child->report_fd = REPORT_FD;
	close_from(FIRST_UNUSED_FD);
	return 0;
}

/** containerd's Go runtime and systemd leave masks and ignored signals behind, which exec would keep. */
static void reset_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	for (int number = 1; number < NSIG; number++)
		sigaction(number, &action, NULL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void execute(struct daemon_child *child)
{
	char *argv[NODE_FLAGS_MAX + 3];
	size_t count = 0;
	argv[count++] = child->node;
	for (const char *const *flag = node_flags; *flag; flag++)
		argv[count++] = (char *)*flag;
	argv[count++] = child->script;
	argv[count] = NULL;
	execve(child->node, argv, child->environment.variables);
}

/*
 * liblxc's command socket is an abstract one: whoever is root in the same network namespace may command it, a container
 * with the host's network and uid 0 included. So the daemon, and with it every driver, has a network namespace of its
 * own, in which there is nothing else. Its sockets for containerd are files, which are found from any namespace;
 * containers get the host's network by the descriptor that the daemon keeps of it (shim/backends/lxc/namespaces.ts).
 */
static int leave_host_network(struct failure *failure)
{
	if (unshare(CLONE_NEWNET) != 0)
		return fail_errno(failure, "cannot make a network namespace for the daemon");
	return 0;
}

static int become_daemon(struct daemon_child *child, struct failure *failure)
{
	reset_signals();
	umask(077);
	if (chdir("/") != 0)
		return fail_errno(failure, "cannot change to the root directory");
	if (place_descriptors(child, failure) != 0)
		return -1;

	if (leave_host_network(failure) != 0)
		return -1;
	static char cgroup_dirs[PATH_MAX];
	cgroup_join_own(cgroup_dirs, sizeof cgroup_dirs);
	if (daemon_environment_add(&child->environment, "LXCRI_CGROUP_DIRS", cgroup_dirs, failure) != 0)
		return -1;
	execute(child);
	fail_errno(failure, "cannot run Node.js at %s (" NODE_INSTALL_HINT ")", child->node);
	cgroup_leave_own(cgroup_dirs);
	return -1;
}

_Noreturn void daemon_child_run(struct daemon_child *child)
{
	static struct failure failure;
	if (become_daemon(child, &failure) != 0)
		write_all(child->report_fd, failure.text, strlen(failure.text));
	_exit(1);
}
