#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/kernel.h"

void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void initialize_process(struct process *process, const char *prefix, const char *plan)
{
	process->prefix = prefix;
	process->plan = plan;
	process->gate = process->start_report = process->pidfd = process->terminal.master = process->logger.ready = -1;
	for (int i = 0; i < 3; i++)
		process->streams[i] = (struct stream){.path = "", .payload_fd = -1, .hold_fd = -1};
}

int process_fail(struct process *process, const char *format, ...)
{
	va_list list;

	if (process->failed)
		return -1;
	process->failed = true;
	process->failure.error = errno;
	va_start(list, format);
	vsnprintf(process->failure.text, sizeof(process->failure.text), format, list);
	va_end(list);
	return -1;
}

/* Field 22 of /proc/PID/stat; the second may hold anything, so what counts comes after its last parenthesis. */
static uint64_t start_time_of(pid_t pid)
{
	char path[64], text[1024];
	const char *field;
	ssize_t size;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[size > 0 ? size : 0] = '\0';
	field = strrchr(text, ')');
	for (int number = 2; field && number < 22; number++)
		field = strchr(field + 1, ' ');
	return field ? strtoull(field + 1, NULL, 10) : 0;
}

int identify_process(struct process *process, pid_t pid)
{
	process->pid = pid;
	process->pidfd = lxcri_pidfd_open(pid);
	process->start_time = start_time_of(pid);
	if (process->pidfd < 0)
		return process_fail(process, "cannot open the init's pidfd: %s", strerror(errno));
	return 0;
}

int signal_process(const struct process *process, int number)
{
	if (process->phase == PHASE_STOPPED || process->pidfd < 0)
		return ESRCH;
	return lxcri_pidfd_send_signal(process->pidfd, number) < 0 ? errno : 0;
}

void record_exit(struct process *process, int status)
{
	process->exit_status = status;
	clock_gettime(CLOCK_REALTIME, &process->exited_at);
}

int decode_wait_status(int status)
{
	return WIFSIGNALED(status) ? SIGNALED_STATUS_BASE + WTERMSIG(status) : WEXITSTATUS(status);
}

int send_go(struct process *process)
{
	const struct terminal *terminal = &process->terminal;
	struct gate_size size = {terminal->size.ws_row, terminal->size.ws_col};
	int report[2], failed;

	/* Read without waiting: whoever else may hold the other end, the monitor serves on. */
	if (pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	failed = gate_send(process->gate, GATE_GO, &size, sizeof(size), &report[1], 1);
	close(report[1]);
	if (failed)
		close(report[0]);
	else
		process->start_report = report[0];
	return failed;
}

enum start_report receive_start_report(struct process *process, struct gate_failure *failure)
{
	ssize_t size = read(process->start_report, failure, sizeof(*failure));

	if (size < 0 && errno == EAGAIN)
		return REPORT_NONE_YET;
	close_fd(&process->start_report);
	close_fd(&process->gate);
	/* The pipe closes when the payload is executed; before that it may carry one failure. */
	if (size != (ssize_t)sizeof(*failure))
		return REPORT_EXECUTED;
	failure->text[sizeof(failure->text) - 1] = '\0';
	return REPORT_FAILED;
}
