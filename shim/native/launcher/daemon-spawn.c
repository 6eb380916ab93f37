#include "daemon-spawn.h"

#include "daemon-child.h"
#include "daemon-environment.h"
#include "daemon-log.h"
#include "file-io.h"
#include "node-program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/** Waits for the report of the daemon-to-be: end of file means that exec has closed the pipe, and Node runs. */
static enum spawn_result await_exec(int fd, deadline end, struct failure *failure)
{
	struct pollfd pipe_end = {.fd = fd, .events = POLLIN};
	int ready;
	do {
		ready = poll(&pipe_end, 1, deadline_left_ms(end));
	} while (ready < 0 && errno == EINTR);
	if (ready == 0) {
		fail(failure, "the shim daemon did not start in time: the machine is overloaded");
		return SPAWN_UNKNOWN;
	}
	ssize_t length = read_all(fd, failure->text, sizeof failure->text - 1);
	if (length < 0) {
		fail_errno(failure, "cannot learn whether the shim daemon started");
		return SPAWN_UNKNOWN;
	}
	failure->text[length] = '\0';
	return length == 0 ? SPAWN_RUNS : SPAWN_FAILED;
}

/** The first of two forks: the daemon must be nobody's child, or it would stay a zombie of a busy containerd. */
static int fork_twice(struct daemon_child *child, struct failure *failure)
{
	pid_t pid = fork();
	if (pid < 0)
		return fail_errno(failure, "cannot start the shim daemon");
	if (pid == 0) {
		setsid();
		pid_t daemon_pid = fork();
		if (daemon_pid == 0)
			daemon_child_run(child);
		_exit(daemon_pid < 0 ? errno : 0);
	}
	int status = 0;
	while (waitpid(pid, &status, 0) < 0) {
		// Whoever ignores SIGCHLD gets no status; what matters comes through the pipe.
		if (errno != EINTR)
			return 0;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
		errno = WEXITSTATUS(status);
		return fail_errno(failure, "cannot start the shim daemon");
	}
	return 0;
}

static enum spawn_result spawn_with_pipe(struct daemon_child *child, deadline end, struct failure *failure)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0) {
		fail_errno(failure, "cannot make a pipe");
		return SPAWN_FAILED;
	}
	child->report_fd = ends[1];
	enum spawn_result result = fork_twice(child, failure) == 0 ? SPAWN_RUNS : SPAWN_FAILED;
	close(ends[1]);
	if (result == SPAWN_RUNS)
		result = await_exec(ends[0], end, failure);
	close(ends[0]);
	return result;
}

/** What is to be run, and whether it is there: containerd shows this failure, and a log would not be looked at. */
static int choose_program(struct daemon_child *child, const struct paths *paths, struct failure *failure)
{
	if (daemon_environment_init(&child->environment, environ, paths, LXCRI_BUILD, failure) != 0 ||
		node_find(child->node, child->environment.variables, failure) != 0)
		return -1;
	if (access(child->node, X_OK) != 0)
		return fail_errno(failure, "cannot run Node.js at %s (" NODE_INSTALL_HINT ")", child->node);
	if (format_path(child->script, sizeof child->script, "%s/shim.cjs", paths->lib_dir) != 0)
		return fail(failure, "the path %.200s is too long", paths->lib_dir);
	if (access(child->script, R_OK) != 0)
		return fail_errno(failure, "cannot read the shim daemon's program %s (reinstall proxmox-lxcri)", child->script);
	return 0;
}

enum spawn_result
daemon_spawn(const struct paths *paths, int socket_fd, int lock_fd, deadline end, struct failure *failure)
{
	static struct daemon_child child;
	child.socket_fd = socket_fd;
	child.lock_fd = lock_fd;
	if (choose_program(&child, paths, failure) != 0)
		return SPAWN_FAILED;
	bool log_is_new = false;
	child.log_fd = daemon_log_open(paths, &log_is_new, failure);
	if (child.log_fd < 0)
		return SPAWN_FAILED;
	enum spawn_result result = spawn_with_pipe(&child, end, failure);
	close(child.log_fd);
	if (result == SPAWN_FAILED && log_is_new)
		daemon_log_remove_if_empty(paths);
	return result;
}
