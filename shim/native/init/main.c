/*
 * The container's first process until the payload takes its place. liblxc starts it inside the finished namespaces,
 * cgroups and root file system; it does there what liblxc has no key for, says that it is ready, waits for Start, and
 * executes the payload, which so becomes PID 1. It runs from a sealed memory file (see the monitor), so no container
 * can reach a file of the host's through /proc/<pid>/exe (CVE-2019-5736).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/gate.h"
#include "../common/kernel.h"
#include "setup.h"

/* Exit statuses of a payload that never ran, as a shell gives them. */
#define EXIT_SETUP_FAILED 128
#define EXIT_CANNOT_EXECUTE 126
#define EXIT_NOT_FOUND 127

int setup_fail(struct setup *setup, const char *format, ...)
{
	int saved = errno;
	va_list list;

	va_start(list, format);
	vsnprintf(setup->failure, sizeof(setup->failure), format, list);
	va_end(list);
	errno = saved;
	return -1;
}

static struct gate_failure describe_failure(const struct setup *setup)
{
	struct gate_failure failure = {.error = errno};
	const char *text = setup->failure[0] ? setup->failure : strerror(errno);
	bool about_payload = setup->field && strcmp(setup->field, "process.args[0]") == 0;

	if (setup->field && !about_payload)
		snprintf(failure.text, sizeof(failure.text), "%.128s: %.800s", setup->field, text);
	else
		snprintf(failure.text, sizeof(failure.text), "%.1000s", text);
	return failure;
}

static int exit_status_of(int error)
{
	return error == ENOENT || error == ENOTDIR ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}

/* Everything after GATE_HELLO and before GATE_SETUP: descriptors, batch by batch. */
static int receive_descriptors(struct setup *setup)
{
	for (;;) {
		size_t count = GATE_BATCH;
		int batch[GATE_BATCH];
		int type = gate_receive(GATE_FD, NULL, NULL, batch, &count, NULL);

		if (type == GATE_SETUP)
			return setup->fd_count >= SETUP_TREES ? 0 : (errno = EPROTO, -1);
		if (type != GATE_FDS || setup->fd_count + count > SETUP_MAX_FDS) {
			if (type >= 0)
				errno = EPROTO;
			return -1;
		}
		memcpy(setup->fds + setup->fd_count, batch, count * sizeof(int));
		setup->fd_count += count;
	}
}

/* liblxc leaves the monitor's mask and dispositions; the payload starts with a clean slate. */
static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		if (number != SIGKILL && number != SIGSTOP)
			signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int prepare(struct setup *setup)
{
	umask(0);
	if (receive_descriptors(setup) < 0)
		return -1;
	if (run_setup_plan(setup, setup->fds[SETUP_PLAN]) < 0)
		return -1;
	if (install_stdio(setup) < 0 || complete_environment(setup) < 0 || take_credentials(setup) < 0)
		return -1;
	return find_executable(setup);
}

/* Waits for Start; returns the pipe on which a failed execve is told, or -1 when the monitor is gone. */
static int wait_for_start(void)
{
	int pipe_fd = -1;
	size_t count = 1;

	if (gate_receive(GATE_FD, NULL, NULL, &pipe_fd, &count, NULL) != GATE_GO || count != 1)
		return -1;
	return pipe_fd;
}

static void execute(struct setup *setup, int report)
{
	struct gate_failure failure;

	reset_signals();
	execve(setup->executable, setup->arguments, setup->environment);
	setup->field = "process.args[0]";
	setup_fail(setup, "exec %s: %s", setup->executable, errno == ENOEXEC ? "exec format error" : strerror(errno));
	failure = describe_failure(setup);
	if (write(report, &failure, sizeof(failure)) < 0)
		_exit(EXIT_SETUP_FAILED);
	_exit(exit_status_of(failure.error));
}

int main(void)
{
	static struct setup setup;
	struct gate_failure failure;
	int report;

	/* Whatever liblxc or the monitor left open must not reach the payload. */
	if (lxcri_close_range(GATE_INIT_FD, ~0u, 0) < 0 || fcntl(GATE_FD, F_SETFD, FD_CLOEXEC) < 0)
		return EXIT_SETUP_FAILED;
	if (gate_send(GATE_FD, GATE_HELLO, NULL, 0, NULL, 0) < 0)
		return EXIT_SETUP_FAILED;
	if (prepare(&setup) < 0) {
		failure = describe_failure(&setup);
		gate_send(GATE_FD, GATE_FAILED, &failure, sizeof(failure), NULL, 0);
		return exit_status_of(failure.error);
	}
	if (gate_send(GATE_FD, GATE_READY, NULL, 0, NULL, 0) < 0)
		return EXIT_SETUP_FAILED;
	report = wait_for_start();
	if (report < 0)
		return EXIT_SETUP_FAILED;
	execute(&setup, report);
}
