#include "keeper-spawn.h"

#include "host/daemon-environment.h"
#include "host/daemon-program.h"
#include "host/file-io.h"
#include "host/keeper-start.h"
#include "host/process-start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/** All that the forked process needs to become the keeper. */
struct keeper_child {
	int lock_fd;
	int report_fd; // takes the text of a failure; closed by the keeper once it listens
	char program[PATH_MAX];
	struct daemon_environment environment;
};

static int become_keeper(struct keeper_child *child, struct failure *failure)
{
	// Its standard descriptors are /dev/null: it writes to its log by name.
	struct placed_descriptor places[] = {
		{open("/dev/null", O_WRONLY | O_CLOEXEC), 1},
		{open("/dev/null", O_WRONLY | O_CLOEXEC), 2},
		{child->lock_fd, KEEPER_LOCK_FD},
	};
	reset_signals();
	umask(077);
	if (chdir("/") != 0)
		return fail_errno(failure, "cannot change to the root directory");
	int report_fd = place_descriptors(places, sizeof places / sizeof places[0], child->report_fd, failure);
	if (report_fd < 0)
		return -1;
	child->report_fd = report_fd;
	// The keeper itself closes it.
	if (report_fd != KEEPER_REPORT_FD || fcntl(report_fd, F_SETFD, 0) != 0)
		return fail_errno(failure, "cannot place the keeper's descriptors");
	char *argv[] = {child->program, NULL};
	execve(child->program, argv, child->environment.variables);
	return fail_errno(failure, "cannot run the keeper %s (reinstall proxmox-lxcri)", child->program);
}

_Noreturn static void run_child(struct keeper_child *child)
{
	static struct failure failure;
	if (become_keeper(child, &failure) != 0)
		write_all(child->report_fd, failure.text, strlen(failure.text));
	_exit(1);
}

/** The first of two forks: the keeper must be nobody's child, or it would stay a zombie of a busy containerd. */
static int fork_twice(struct keeper_child *child, struct failure *failure)
{
	pid_t pid = fork();
	if (pid < 0)
		return fail_errno(failure, "cannot start the keeper");
	if (pid == 0) {
		setsid();
		pid_t keeper = fork();
		if (keeper == 0)
			run_child(child);
		_exit(keeper < 0 ? errno : 0);
	}
	int status = 0;
	while (waitpid(pid, &status, 0) < 0) {
		// Whoever ignores SIGCHLD gets no status; what matters comes through the pipe.
		if (errno != EINTR)
			return 0;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
		errno = WEXITSTATUS(status);
		return fail_errno(failure, "cannot start the keeper");
	}
	return 0;
}

/** Waits for the report: KEEPER_LISTENS, or what has failed; one that dies says nothing. */
static enum spawn_result await_report(int fd, deadline end, struct failure *failure)
{
	struct pollfd pipe_end = {.fd = fd, .events = POLLIN};
	int ready;
	do {
		ready = poll(&pipe_end, 1, deadline_left_ms(end));
	} while (ready < 0 && errno == EINTR);
	if (ready == 0) {
		fail(failure, "the keeper did not start in time: the machine is overloaded");
		return SPAWN_UNKNOWN;
	}
	ssize_t length = read_all(fd, failure->text, sizeof failure->text - 1);
	if (length < 0) {
		fail_errno(failure, "cannot learn whether the keeper started");
		return SPAWN_UNKNOWN;
	}
	failure->text[length] = '\0';
	if (strcmp(failure->text, KEEPER_LISTENS) == 0)
		return SPAWN_LISTENS;
	if (length == 0)
		fail(failure, "the keeper died as it started: dmesg may say why");
	return SPAWN_FAILED;
}

static int prepare(struct keeper_child *child, const struct paths *paths, struct failure *failure)
{
	static struct daemon_program daemon;
	if (daemon_environment_init(&child->environment, environ, paths, LXCRI_BUILD, failure) != 0 ||
		daemon_program_find(&daemon, child->environment.variables, paths->lib_dir, failure) != 0)
		return -1;
	if (format_path(child->program, sizeof child->program, "%s/lxcri-keeper", paths->lib_dir) != 0)
		return fail(failure, "the path %.200s is too long", paths->lib_dir);
	return 0;
}

enum spawn_result keeper_spawn(const struct paths *paths, int lock_fd, deadline end, struct failure *failure)
{
	static struct keeper_child child;
	int ends[2];
	child.lock_fd = lock_fd;
	if (prepare(&child, paths, failure) != 0)
		return SPAWN_FAILED;
	if (pipe2(ends, O_CLOEXEC) != 0) {
		fail_errno(failure, "cannot make a pipe");
		return SPAWN_FAILED;
	}
	child.report_fd = ends[1];
	enum spawn_result result = fork_twice(&child, failure) == 0 ? SPAWN_LISTENS : SPAWN_FAILED;
	close(ends[1]);
	if (result == SPAWN_LISTENS)
		result = await_report(ends[0], end, failure);
	close(ends[0]);
	return result;
}
