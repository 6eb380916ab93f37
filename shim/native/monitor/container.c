/* What the container does, and what is done to it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/driver.h"
#include "../common/kernel.h"
#include "monitor.h"

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
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

/* The end, whatever brought it; only the first account of it counts. */
static void stopped(struct monitor *monitor, int status)
{
	if (monitor->phase == PHASE_STOPPED)
		return;
	if (monitor->phase == PHASE_CREATING && !monitor->failed) {
		errno = ECHILD;
		monitor_fail(monitor, "the container ended before it was set up");
	}
	/* What killed it is told before its end. */
	on_oom(monitor);
	forget_oom(monitor);
	monitor->phase = PHASE_STOPPED;
	monitor->exit_status = status;
	clock_gettime(CLOCK_REALTIME, &monitor->exited_at);
	/* A container whose creation failed leaves nothing, so there is nothing to be told later. */
	if (monitor->failed) {
		tell(monitor, "failed %d %s", monitor->failure.error, monitor->failure.text);
		return;
	}
	write_status(monitor);
	tell(monitor, "exited %d %lld %ld", status, (long long)monitor->exited_at.tv_sec, monitor->exited_at.tv_nsec);
}

static int send_batch(struct monitor *monitor, const int *fds, size_t count)
{
	if (gate_send(monitor->gate, GATE_FDS, NULL, 0, fds, count) == 0)
		return 0;
	return monitor_fail(monitor, "cannot pass descriptors to the init: %s", strerror(errno));
}

static int send_streams(struct monitor *monitor)
{
	int fds[4] = {
		open("init.plan", O_RDONLY | O_CLOEXEC), monitor->streams[0].payload_fd, monitor->streams[1].payload_fd,
		monitor->streams[2].payload_fd};
	int failed;

	if (fds[0] < 0)
		return monitor_fail(monitor, "cannot open init.plan: %s", strerror(errno));
	failed = send_batch(monitor, fds, 4);
	close(fds[0]);
	close_payload_streams(monitor);
	return failed;
}

/* The files by which the init joins its cgroups of v1; those of v2 it is moved into. */
static int send_cgroups(struct monitor *monitor)
{
	for (size_t i = 0; i < monitor->cgroup_count; i++) {
		const struct cgroup *cgroup = &monitor->cgroups[i];
		int fd, failed;

		if (cgroup->kind == CGROUP_V2) {
			if (join_unified(cgroup, monitor->init_pid) < 0)
				return monitor_fail(monitor, "cannot join the cgroup %s: %s", cgroup->path, strerror(errno));
			continue;
		}
		fd = open_join_file(cgroup);
		if (fd < 0)
			return monitor_fail(monitor, "cannot open the cgroup %s: %s", cgroup->path, strerror(errno));
		failed = send_batch(monitor, &fd, 1);
		close(fd);
		if (failed)
			return -1;
	}
	return 0;
}

/* Opens the sources only now: the container's cgroups may be among them. */
static int send_trees(struct monitor *monitor)
{
	for (size_t i = 0; i < monitor->tree_count; i++) {
		const struct tree_source *tree = &monitor->trees[i];
		unsigned int flags = LXCRI_OPEN_TREE_CLONE | O_CLOEXEC | (tree->recursive ? LXCRI_AT_RECURSIVE : 0);
		int fd = lxcri_open_tree(AT_FDCWD, tree->source, flags);
		int failed;

		if (fd < 0)
			return monitor_fail(
				monitor, "%s: cannot open the mount source %s: %s", tree->field, tree->source, strerror(errno));
		failed = send_batch(monitor, &fd, 1);
		close(fd);
		if (failed)
			return -1;
	}
	return 0;
}

static int set_up_init(struct monitor *monitor, pid_t pid)
{
	monitor->setting_up = true;
	monitor->init_pid = pid;
	monitor->init_pidfd = lxcri_pidfd_open(pid);
	monitor->init_start_time = start_time_of(pid);
	if (monitor->init_pidfd < 0)
		return monitor_fail(monitor, "cannot open the init's pidfd: %s", strerror(errno));
	if (send_streams(monitor) < 0 || send_cgroups(monitor) < 0 || send_trees(monitor) < 0)
		return -1;
	if (gate_send(monitor->gate, GATE_SETUP, NULL, 0, NULL, 0) < 0)
		return monitor_fail(monitor, "cannot reach the init: %s", strerror(errno));
	return 0;
}

static void kill_driver(const struct monitor *monitor)
{
	if (monitor->driver_pid > 0 && !monitor->driver_ended)
		kill(monitor->driver_pid, SIGKILL);
}

static void abort_container(struct monitor *monitor)
{
	if (monitor->init_pidfd >= 0)
		lxcri_pidfd_send_signal(monitor->init_pidfd, SIGKILL);
	else
		kill_driver(monitor);
}

void on_gate(struct monitor *monitor)
{
	struct gate_failure failure = {0};
	size_t size = sizeof(failure);
	pid_t pid = 0;
	int type = gate_receive(monitor->gate, &failure, &size, NULL, NULL, &pid);

	switch (type) {
		case GATE_HELLO:
			if (!monitor->setting_up && set_up_init(monitor, pid) < 0)
				abort_container(monitor);
			break;
		case GATE_READY:
			if (monitor->phase != PHASE_CREATING)
				break;
			monitor->phase = PHASE_CREATED;
			write_status(monitor);
			tell(monitor, "created %d %llu", (int)monitor->init_pid, (unsigned long long)monitor->init_start_time);
			break;
		case GATE_FAILED:
			failure.text[sizeof(failure.text) - 1] = '\0';
			errno = failure.error;
			if (size == sizeof(failure) && monitor->phase == PHASE_CREATING)
				monitor_fail(monitor, "%s", failure.text);
			break;
		default:
			/* Closed, or noise from a container that got hold of the descriptor: nothing more is expected here. */
			close_fd(&monitor->gate);
	}
}

void command_start(struct monitor *monitor)
{
	int report[2];

	if (monitor->phase != PHASE_CREATED || monitor->start_report >= 0)
		return;
	/* Read without waiting: whoever else may hold the other end, the monitor serves on. */
	if (pipe2(report, O_CLOEXEC | O_NONBLOCK) < 0) {
		tell(monitor, "start-failed %d cannot create a pipe: %s", errno, strerror(errno));
		return;
	}
	if (monitor->gate < 0 || gate_send(monitor->gate, GATE_GO, NULL, 0, &report[1], 1) < 0)
		tell(monitor, "start-failed %d cannot reach the init: it has ended", EPIPE);
	else
		monitor->start_report = report[0];
	close(report[1]);
	if (monitor->start_report < 0)
		close(report[0]);
}

/* The pipe closes when the payload is executed; before that it may carry one failure. */
void on_start_report(struct monitor *monitor)
{
	struct gate_failure failure = {0};
	ssize_t size = read(monitor->start_report, &failure, sizeof(failure));

	close_fd(&monitor->start_report);
	close_fd(&monitor->gate);
	if (size == (ssize_t)sizeof(failure)) {
		failure.text[sizeof(failure.text) - 1] = '\0';
		tell(monitor, "start-failed %d %s", failure.error, failure.text);
		return;
	}
	if (monitor->phase != PHASE_CREATED)
		return;
	monitor->phase = PHASE_RUNNING;
	monitor->started = true;
	write_status(monitor);
	tell(monitor, "running");
}

static int decode_liblxc_status(int status)
{
	int value = status >> 8 & 0xff;

	return (status & 0x7f) == 0x7f ? SIGNALED_STATUS_BASE + value : value;
}

void on_driver(struct monitor *monitor)
{
	struct driver_report report;
	/* Without waiting: when the driver has died, an init that is not executed yet may still hold its end. */
	ssize_t size = recv(monitor->driver, &report, sizeof(report), MSG_DONTWAIT);

	close_fd(&monitor->driver);
	if (size != (ssize_t)sizeof(report))
		return; /* the driver died: its exit, or the init's, tells */
	/* The exec of a short-lived payload may be noticed only now, after its end. */
	if (monitor->start_report >= 0)
		on_start_report(monitor);
	if (!monitor->setting_up && !monitor->failed) {
		errno = 0;
		monitor_fail(monitor, "liblxc could not start the container");
	}
	stopped(monitor, decode_liblxc_status(report.status));
}

static int decode_wait_status(int status)
{
	return WIFSIGNALED(status) ? SIGNALED_STATUS_BASE + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Whether the init is a child of ours, dead or alive: the driver's death makes it that. */
static bool is_adopted(const struct monitor *monitor)
{
	siginfo_t info;

	return monitor->setting_up && waitid(P_PID, (id_t)monitor->init_pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void on_child(struct monitor *monitor)
{
	int status;
	pid_t pid;

	/* Whoever outlives the driver is handed to us (PR_SET_CHILD_SUBREAPER): the init among them. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == monitor->driver_pid)
			monitor->driver_ended = true;
		else if (monitor->setting_up && pid == monitor->init_pid)
			stopped(monitor, decode_wait_status(status));
	}
	if (!monitor->driver_ended)
		return;
	if (monitor->driver >= 0)
		on_driver(monitor);
	if (monitor->phase == PHASE_STOPPED)
		return;
	/* The driver died without a word. Its init dies with it, or is ours now and must; that end is the container's. */
	abort_container(monitor);
	if (!is_adopted(monitor))
		stopped(monitor, SIGNALED_STATUS_BASE + SIGKILL);
}

/* In whatever state it is. A driver that is still there after the container's end has only its own to clean. */
void command_abort(struct monitor *monitor)
{
	if (monitor->phase == PHASE_STOPPED) {
		kill_driver(monitor);
		return;
	}
	if (monitor->phase == PHASE_CREATING) {
		errno = ECANCELED;
		monitor_fail(monitor, "it was deleted meanwhile");
	}
	abort_container(monitor);
}

void give_up(struct monitor *monitor)
{
	monitor->phase = PHASE_STOPPED;
	tell(monitor, "failed %d %s", monitor->failure.error, monitor->failure.text);
	/* An init that is there already dies with its driver, or ends when its gate closes. */
	close_fd(&monitor->gate);
	close_fd(&monitor->driver);
	kill_driver(monitor);
}

int command_signal(struct monitor *monitor, int number)
{
	if (monitor->phase == PHASE_STOPPED || monitor->init_pidfd < 0)
		return ESRCH;
	return lxcri_pidfd_send_signal(monitor->init_pidfd, number) < 0 ? errno : 0;
}
