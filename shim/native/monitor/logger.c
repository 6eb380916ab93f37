#include "logger.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../common/child.h"
#include "elapsed.h"
#include "process.h"
#include "watch.h"

#define LOGGER_STDOUT_FD 3
#define LOGGER_STDERR_FD 4
#define LOGGER_READY_FD 5
/* It ends by itself when its input does; one that does not gets a SIGTERM, and at last a SIGKILL (io_util.go). */
#define TERMINATE_AFTER_MS 2000
#define KILL_AFTER_MS 14000

enum pipe_end { READ_END, WRITE_END };

struct pipes {
	int out[2], err[2], ready[2], failure[2];
};

static int make_pipes(struct pipes *pipes)
{
	memset(pipes, -1, sizeof(*pipes));
	if (pipe2(pipes->out, O_CLOEXEC) < 0 || pipe2(pipes->err, O_CLOEXEC) < 0)
		return -1;
	return pipe2(pipes->ready, O_CLOEXEC) < 0 || pipe2(pipes->failure, O_CLOEXEC) < 0 ? -1 : 0;
}

static void close_pipes(struct pipes *pipes)
{
	int *const all[] = {pipes->out, pipes->err, pipes->ready, pipes->failure};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		close_fd(&all[i][READ_END]);
		close_fd(&all[i][WRITE_END]);
	}
}

static int place_descriptors(const struct pipes *pipes)
{
	int out = move_above(pipes->out[READ_END], LOGGER_READY_FD);
	int err = move_above(pipes->err[READ_END], LOGGER_READY_FD);
	int ready = move_above(pipes->ready[WRITE_END], LOGGER_READY_FD);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd <= 2; fd++)
		if (place_fd(null, fd) < 0)
			return -1;
	if (place_fd(out, LOGGER_STDOUT_FD) < 0 || place_fd(err, LOGGER_STDERR_FD) < 0)
		return -1;
	return place_fd(ready, LOGGER_READY_FD);
}

/* A logger may have to reach the network, of which the monitors' namespace has none. */
static int join_network(const char *path)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (!path)
		return 0;
	return fd < 0 ? -1 : setns(fd, CLONE_NEWNET);
}

_Noreturn static void execute(const struct logger *logger, const struct pipes *pipes)
{
	const char *arguments[LOGGER_MAX_ARGUMENTS + 2] = {logger->program};
	const char *environment[LOGGER_MAX_ENVIRONMENT + 1] = {NULL};
	int failure = move_above(pipes->failure[WRITE_END], LOGGER_READY_FD);

	memcpy(arguments + 1, logger->arguments, logger->argument_count * sizeof(char *));
	memcpy(environment, logger->environment, logger->environment_count * sizeof(char *));
	unblock_signals();
	setsid();
	if (join_network(logger->network) == 0 && place_descriptors(pipes) == 0)
		execve(logger->program, (char *const *)arguments, (char *const *)environment);
	if (write(failure, &errno, sizeof(errno)) < 0)
		_exit(126);
	_exit(127);
}

/* 0: it was executed; else why not. */
static int execution_error(struct pipes *pipes)
{
	int error = 0;

	close_fd(&pipes->failure[WRITE_END]);
	while (read(pipes->failure[READ_END], &error, sizeof(error)) < 0 && errno == EINTR)
		continue;
	return error;
}

static void take_over(int *to, int *from)
{
	*to = *from;
	*from = -1;
}

static int run(struct process *process, struct pipes *pipes)
{
	struct logger *logger = &process->logger;

	logger->pid = fork();
	if (logger->pid == 0)
		execute(logger, pipes);
	if (logger->pid < 0)
		return -1;
	errno = execution_error(pipes);
	if (errno)
		return -1;
	if (process->terminal.wanted)
		fcntl(pipes->out[WRITE_END], F_SETFL, O_WRONLY | O_NONBLOCK);
	take_over(&process->streams[1].payload_fd, &pipes->out[WRITE_END]);
	take_over(&process->streams[2].payload_fd, &pipes->err[WRITE_END]);
	take_over(&logger->ready, &pipes->ready[READ_END]);
	return 0;
}

int start_logger(struct process *process)
{
	struct pipes pipes;
	int failed = make_pipes(&pipes) < 0 || run(process, &pipes) < 0;
	int saved = errno;

	close_pipes(&pipes);
	errno = saved;
	if (failed)
		return process_fail(process, "cannot start the logger %s: %s", process->logger.program, strerror(errno));
	return 0;
}

bool take_readiness(struct logger *logger)
{
	if (!is_ready(logger->ready))
		return false;
	close_fd(&logger->ready);
	return true;
}

bool settle_logger(struct process *process)
{
	struct logger *logger = &process->logger;
	long long waited;

	if (logger->pid <= 0 || !process->released)
		return logger->pid > 0;
	waited = milliseconds_since(&process->released_at);
	/* Of a process that never was there is nothing left to read. */
	if (process->failed)
		waited += TERMINATE_AFTER_MS + 1;
	if (waited > KILL_AFTER_MS)
		kill(logger->pid, SIGKILL);
	else if (waited > TERMINATE_AFTER_MS && !logger->terminated)
		logger->terminated = kill(logger->pid, SIGTERM) == 0;
	return true;
}
