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
#include "init-gate.h"
#include "monitor.h"

#define RESTORE_FAILED_STATUS 255

static void tell_created(struct monitor *monitor)
{
	tell(monitor, "created %d %llu", (int)monitor->init.pid, (unsigned long long)monitor->init.start_time);
}

static void tell_refused(struct monitor *monitor)
{
	tell(monitor, "start-failed %d %s", monitor->init.failure.error, monitor->init.failure.text);
}

static void tell_end(struct monitor *monitor)
{
	const struct process *init = &monitor->init;

	if (init->failed)
		tell(monitor, "failed %d %s", init->failure.error, init->failure.text);
	else
		tell(
			monitor, "exited %d %lld %ld", init->exit_status, (long long)init->exited_at.tv_sec,
			init->exited_at.tv_nsec);
}

static void tell_asked(struct monitor *monitor)
{
	if (monitor->init.asked[0])
		tell(monitor, "asked %s", monitor->init.asked);
}

void set_asked(struct monitor *monitor)
{
	snprintf(monitor->init.asked, sizeof(monitor->init.asked), "%s", monitor->call);
	tell_asked(monitor);
}

void tell_container(struct monitor *monitor)
{
	const struct process *init = &monitor->init;

	if (init->phase != PHASE_CREATING && (init->pid > 0 || monitor->is_restored) && !init->failed)
		tell_created(monitor);
	tell_asked(monitor);
	if (init->start_failed)
		tell_refused(monitor);
	if (monitor->is_announced)
		tell(monitor, "running");
	for (const struct exec *exec = monitor->execs; exec; exec = exec->next)
		if (!exec->gone)
			tell_exec(monitor, exec);
	if (monitor->oom_count)
		tell_oom(monitor);
	if (init->failed || init->phase == PHASE_STOPPED)
		tell_end(monitor);
}

/* With all that a daemon that comes too late cannot be told. */
static void record_end(struct monitor *monitor)
{
	monitor->init.oom_count = monitor->oom_count;
	write_status(&monitor->init);
}

/* For a daemon that comes when this monitor is gone. */
static void keep_failure(const struct monitor *monitor)
{
	if (monitor->is_accepted)
		write_failure(&monitor->init.failure);
}

/* Told when nothing of the container runs any more. */
static void stopped(struct monitor *monitor)
{
	struct process *init = &monitor->init;

	/* What killed it is told before its end; and that it began, before its hooks are through. */
	if (init->started)
		announce_running(monitor);
	on_oom(monitor);
	forget_oom(monitor);
	init->phase = PHASE_STOPPED;
	/* A container whose creation failed leaves nothing, so there is nothing to be told later. */
	if (init->failed) {
		release_streams(init);
		keep_failure(monitor);
	} else {
		record_end(monitor);
	}
	tell_end(monitor);
}

/* The end of the first process, whatever brought it; only the first account of it counts. */
static void fail_to_set_up(struct monitor *monitor)
{
	if (monitor->oom_count > 0) {
		errno = ENOMEM;
		monitor_fail(monitor, "its memory ran out before it was set up: linux.resources.memory.limit is too low");
	} else {
		errno = ECHILD;
		monitor_fail(monitor, "the container ended before it was set up");
	}
}

static void ended(struct monitor *monitor, int status)
{
	if (monitor->ending || monitor->init.phase == PHASE_STOPPED)
		return;
	if (monitor->init.phase == PHASE_CREATING && !monitor->init.failed) {
		on_oom(monitor);
		fail_to_set_up(monitor);
	}
	monitor->ending = true;
	record_exit(&monitor->init, status);
	/* With a PID namespace of its own they have ended already; clients are told of the first process last. */
	kill_execs(monitor);
	/* An exec that nobody has heard of yet may be among what is left. */
	if (has_living_execs(monitor))
		kill_in_cgroups(monitor);
}

static int send_batch(struct monitor *monitor, const int *fds, size_t count)
{
	if (gate_send(monitor->init.gate, GATE_FDS, NULL, 0, fds, count) == 0)
		return 0;
	return monitor_fail(monitor, "cannot pass descriptors to the init: %s", strerror(errno));
}

/* The files by which the init joins its cgroups of v1; those of v2 it is moved into. */
static int send_cgroups(struct monitor *monitor)
{
	for (size_t i = 0; i < monitor->cgroup_count; i++) {
		const struct cgroup *cgroup = &monitor->cgroups[i];
		int fd, failed;

		if (cgroup->kind == CGROUP_V2) {
			if (join_unified(cgroup, monitor->init.pid) < 0)
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

int brief_init(struct monitor *monitor)
{
	if (send_streams(&monitor->init) < 0)
		return monitor_fail(monitor, "cannot pass the plan and the streams to the init: %s", strerror(errno));
	return send_cgroups(monitor) < 0 || send_trees(monitor) < 0 ? -1 : 0;
}

static int tell_init(struct monitor *monitor, enum gate_message message)
{
	if (gate_send(monitor->init.gate, message, NULL, 0, NULL, 0) < 0)
		return monitor_fail(monitor, "cannot reach the init: %s", strerror(errno));
	return 0;
}

int set_up_init(struct monitor *monitor)
{
	return tell_init(monitor, GATE_SETUP);
}

int resume_init(struct monitor *monitor)
{
	return tell_init(monitor, GATE_RESUME);
}

static void kill_driver(const struct monitor *monitor)
{
	if (monitor->driver_pid > 0 && !monitor->driver_ended)
		kill(monitor->driver_pid, SIGKILL);
}

static void abort_container(struct monitor *monitor)
{
	kill_criu(monitor);
	if (monitor->init.pidfd >= 0)
		lxcri_pidfd_send_signal(monitor->init.pidfd, SIGKILL);
	else
		kill_driver(monitor);
}

static void init_is_ready(struct monitor *monitor)
{
	struct process *init = &monitor->init;

	if (init->phase != PHASE_CREATING)
		return;
	init->phase = PHASE_CREATED;
	write_status(init);
	tell_created(monitor);
}

void await_restore(struct monitor *monitor)
{
	/* It ends by itself, as it gets no orders. */
	close_fd(&monitor->driver);
	close_fd(&monitor->init.gate);
	init_is_ready(monitor);
}

void init_is_restored(struct monitor *monitor)
{
	struct process *init = &monitor->init;

	close_payload_streams(init);
	init->phase = PHASE_RUNNING;
	init->started = true;
	write_status(init);
	/* For the second time: now it has a process. */
	tell_created(monitor);
	if (!has_hooks(&monitor->hooks, HOOK_POSTSTART))
		announce_running(monitor);
}

void refuse_start(struct monitor *monitor, int error, const char *text)
{
	struct process *init = &monitor->init;

	init->start_failed = true;
	init->failure.error = error;
	snprintf(init->failure.text, sizeof(init->failure.text), "%s", text);
	tell_refused(monitor);
}

void fail_restore(struct monitor *monitor, int error, const char *text)
{
	refuse_start(monitor, error, text);
	/* What a criu that was killed has left. */
	kill_in_cgroups(monitor);
	ended(monitor, RESTORE_FAILED_STATUS);
}

static void on_gate(void *context, void *subject)
{
	struct monitor *monitor = context;
	struct process *init = subject;
	int root = -1;

	if (!is_ready(init->gate))
		return;
	if (receive_from_init(init, &root) == GATE_READY)
		init_is_ready(monitor);
	if (root >= 0 && monitor->root_tree < 0) {
		monitor->root_tree = root;
		root = -1;
	}
	close_fd(&root);
}

void command_start(struct monitor *monitor)
{
	struct process *init = &monitor->init;

	if (init->phase != PHASE_CREATED || init->start_report >= 0)
		return;
	set_asked(monitor);
	if (init->gate < 0 || send_go(init) < 0)
		refuse_start(monitor, EPIPE, "cannot reach the init: it has ended");
}

static void on_start_report(void *context, void *subject)
{
	struct monitor *monitor = context;
	struct process *init = subject;
	struct gate_failure failure = {0};

	if (!is_ready(init->start_report))
		return;
	switch (receive_start_report(init, &failure)) {
		case REPORT_NONE_YET:
			return;
		case REPORT_FAILED:
			refuse_start(monitor, failure.error, failure.text);
			return;
		case REPORT_EXECUTED:
			break;
	}
	if (init->phase != PHASE_CREATED)
		return;
	init->phase = PHASE_RUNNING;
	init->started = true;
	write_status(init);
	if (!has_hooks(&monitor->hooks, HOOK_POSTSTART))
		announce_running(monitor);
}

void announce_running(struct monitor *monitor)
{
	if (monitor->is_announced)
		return;
	monitor->is_announced = true;
	tell(monitor, "running");
}

static int decode_liblxc_status(int status)
{
	int value = status >> 8 & 0xff;

	return (status & 0x7f) == 0x7f ? SIGNALED_STATUS_BASE + value : value;
}

static void read_driver_report(struct monitor *monitor)
{
	struct driver_report report;
	/* Without waiting: when the driver has died, an init that is not executed yet may still hold its end. */
	ssize_t size = recv(monitor->driver, &report, sizeof(report), MSG_DONTWAIT);

	close_fd(&monitor->driver);
	if (size != (ssize_t)sizeof(report))
		return; /* the driver died: its exit, or the init's, tells */
	/* The exec of a short-lived payload may be noticed only now, after its end. */
	on_start_report(monitor, &monitor->init);
	if (monitor->init.pid == 0 && !monitor->init.failed) {
		errno = 0;
		monitor_fail(monitor, "liblxc could not start the container");
	}
	ended(monitor, decode_liblxc_status(report.status));
}

static void on_driver(void *context, void *subject)
{
	struct monitor *monitor = context;

	(void)subject;
	if (!is_ready(monitor->driver))
		return;
	read_driver_report(monitor);
	reap_children(monitor);
}

static void on_oom_notice(void *context, void *subject)
{
	(void)subject;
	on_oom(context);
}

static void on_logger_ready(void *context, void *subject)
{
	struct process *init = subject;

	(void)context;
	take_readiness(&init->logger);
}

void watch_container(struct monitor *monitor, struct watch_list *list)
{
	struct process *init = &monitor->init;

	/* In the order of events in a container's life. */
	watch(list, monitor->oom, POLLIN, on_oom_notice, NULL);
	watch(list, init->logger.ready, POLLIN, on_logger_ready, init);
	watch(list, init->gate, POLLIN, on_gate, init);
	watch(list, init->start_report, POLLIN, on_start_report, init);
	watch_terminal(init, list);
	watch_execs(monitor, list);
	watch(list, monitor->driver, POLLIN, on_driver, NULL);
}

/* Whether the init is a child of ours, dead or alive: the driver's death makes it that. */
static bool is_adopted(const struct monitor *monitor)
{
	siginfo_t info;

	return monitor->init.pid > 0 && waitid(P_PID, (id_t)monitor->init.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* The driver died without a word. Its init dies with it, or is ours now and must; that end is the container's. */
static void follow_dead_driver(struct monitor *monitor)
{
	if (monitor->driver >= 0)
		read_driver_report(monitor);
	if (monitor->ending || monitor->init.phase == PHASE_STOPPED)
		return;
	if (monitor->init.pid == 0 && !monitor->init.failed)
		fail_without_driver(monitor);
	abort_container(monitor);
	if (!is_adopted(monitor))
		ended(monitor, SIGNALED_STATUS_BASE + SIGKILL);
}

void reap_children(struct monitor *monitor)
{
	siginfo_t child = {0};
	int status;

	reap_criu(monitor);
	/* Whatever has ended meanwhile may be the first process. */
	if (is_restoring(monitor))
		return;
	/* Whoever outlives the driver is handed to us (PR_SET_CHILD_SUBREAPER): the init among them. */
	while (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0 && child.si_pid > 0) {
		/* What it said last may tell which exec it is, and can be looked up as long as it has not been reaped. */
		hear_execs(monitor);
		if (waitpid(child.si_pid, &status, WNOHANG) != child.si_pid)
			break;
		if (child.si_pid == monitor->driver_pid) {
			monitor->driver_ended = true;
			monitor->driver_pid = 0;
		} else if (child.si_pid == monitor->hook_pid) {
			monitor->hook_pid = 0;
			monitor->hook_status = status;
		} else if (child.si_pid == monitor->init.logger.pid)
			monitor->init.logger.pid = 0;
		else if (child.si_pid == monitor->init.pid)
			ended(monitor, decode_wait_status(status));
		else
			end_exec(monitor, child.si_pid, status);
		child.si_pid = 0;
	}
	if (monitor->driver_ended && !monitor->is_restored)
		follow_dead_driver(monitor);
	if (monitor->ending && monitor->init.phase != PHASE_STOPPED && !has_living_execs(monitor))
		stopped(monitor);
}

/* In whatever state it is. A driver that is still there after the container's end has only its own to clean. */
void command_abort(struct monitor *monitor)
{
	if (monitor->init.phase == PHASE_STOPPED) {
		kill_driver(monitor);
		return;
	}
	if (monitor->init.phase == PHASE_CREATING) {
		errno = ECANCELED;
		monitor_fail(monitor, "it was deleted meanwhile");
	}
	abort_container(monitor);
	/* There is no process yet whose end would be the container's. */
	if (monitor->is_restored && monitor->init.phase == PHASE_CREATED && !is_restoring(monitor)) {
		ended(monitor, SIGNALED_STATUS_BASE + SIGKILL);
		reap_children(monitor);
	}
}

void give_up(struct monitor *monitor)
{
	monitor->init.phase = PHASE_STOPPED;
	release_streams(&monitor->init);
	keep_failure(monitor);
	tell_end(monitor);
	/* An init that is there already dies with its driver, or ends when its gate closes. */
	close_fd(&monitor->init.gate);
	close_fd(&monitor->driver);
	kill_driver(monitor);
}
