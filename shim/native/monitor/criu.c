#include "criu.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor.h"

bool is_restoring(const struct monitor *monitor)
{
	return monitor->criu.pid > 0 && monitor->criu.restores;
}

void kill_criu(const struct monitor *monitor)
{
	if (monitor->criu.pid > 0)
		kill(monitor->criu.pid, SIGKILL);
}

static int start_criu(struct monitor *monitor, const char *plan, bool restores, const char *network)
{
	struct criu *criu = &monitor->criu;
	int error;

	if (read_criu_plan(criu, plan) < 0)
		return -1;
	criu->restores = restores;
	criu->pid = fork();
	if (criu->pid == 0)
		become_criu(monitor, network);
	error = errno;
	/* The child has a copy. */
	free_criu_plan(criu);
	if (criu->pid > 0)
		return 0;
	criu->pid = 0;
	errno = error;
	return -1;
}

/* For a daemon that comes when there is no monitor any more. */
static void write_dump_status(const struct criu *criu)
{
	int fd = open(CRIU_STATUS_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	dprintf(fd, "%d %s\n", criu->dump_status, criu->dump_token);
	close(fd);
}

static void tell_dumped(struct monitor *monitor)
{
	tell(monitor, "checkpointed %d", monitor->criu.dump_status);
}

void command_checkpoint(struct monitor *monitor, const char *arguments)
{
	struct criu *criu = &monitor->criu;
	char network[128] = "", token[sizeof(criu->dump_token)] = "";

	if (criu->pid > 0)
		return; /* its end is told */
	sscanf(arguments, "%127s %95s", network, token);
	strcpy(criu->dump_token, token);
	criu->dump_status = CRIU_NOT_RUN;
	unlink(CRIU_STATUS_FILE);
	if (monitor->init.phase == PHASE_RUNNING && !monitor->ending &&
		start_criu(monitor, CRIU_DUMP_PLAN, false, network) == 0)
		return;
	if (monitor->init.phase == PHASE_RUNNING)
		warn(monitor, "cannot start criu: %s", strerror(errno));
	tell_dumped(monitor);
}

void command_await_checkpoint(struct monitor *monitor, const char *token)
{
	if (strcmp(token, monitor->criu.dump_token) != 0)
		tell(monitor, "checkpointed %d", CRIU_NOT_RUN);
	else if (monitor->criu.pid == 0 || monitor->criu.restores)
		tell_dumped(monitor);
}

void command_abort_checkpoint(struct monitor *monitor)
{
	if (!monitor->criu.restores)
		kill_criu(monitor);
}

void command_restore(struct monitor *monitor, const char *network)
{
	if (!monitor->is_restored || monitor->init.phase != PHASE_CREATED || monitor->criu.pid > 0)
		return;
	set_asked(monitor);
	if (start_criu(monitor, CRIU_RESTORE_PLAN, true, network) == 0)
		return;
	fail_restore(monitor, errno, "cannot start criu");
	reap_children(monitor);
}

static pid_t read_pid(void)
{
	char text[32];
	int fd = open(CRIU_PID_FILE, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (size <= 0)
		return 0;
	text[size] = '\0';
	return (pid_t)strtol(text, NULL, 10);
}

static void restore_ended(struct monitor *monitor, int status)
{
	char text[64];
	pid_t pid = status == 0 ? read_pid() : 0;

	snprintf(text, sizeof(text), "criu restore ended with %d", status);
	if (pid <= 0 || identify_process(&monitor->init, pid) < 0)
		fail_restore(monitor, 0, text);
	else
		init_is_restored(monitor);
}

void reap_criu(struct monitor *monitor)
{
	struct criu *criu = &monitor->criu;
	int status;

	if (criu->pid <= 0 || waitpid(criu->pid, &status, WNOHANG) != criu->pid)
		return;
	criu->pid = 0;
	if (criu->restores) {
		restore_ended(monitor, decode_wait_status(status));
		return;
	}
	criu->dump_status = decode_wait_status(status);
	write_dump_status(criu);
	tell_dumped(monitor);
}
