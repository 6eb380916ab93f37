/*
 * The hooks that are run outside of the container, in their order: prestart and createRuntime once its namespaces are
 * there, createContainer once it has its mounts, poststart once the payload runs, poststop when all of it is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common/kernel.h"
#include "elapsed.h"
#include "monitor.h"

#define POSTSTOP_TIMEOUT_S 60

static int enter_directory(const struct monitor *monitor)
{
	return monitor->bundle ? chdir(monitor->bundle) : 0;
}

/* The runtime's namespaces are the host's; monitors have a network namespace of their own, with nothing in it. */
static int enter_host(void *context)
{
	const struct monitor *monitor = context;

	return setns(monitor->host_network_fd, CLONE_NEWNET) < 0 ? -1 : enter_directory(monitor);
}

/*
 * As before the pivot, which liblxc has made long ago: the host's files, and where the bundle has its root file system,
 * the container's, with all of its mounts.
 */
static int enter_runtime_in_container(void *context)
{
	const int joined = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
	const struct monitor *monitor = context;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	if (lxcri_move_mount(monitor->root_tree, "", AT_FDCWD, monitor->root_path, LXCRI_MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -1;
	if (setns(monitor->init.pidfd, foreign_namespaces(monitor->init.pid) & joined) < 0)
		return -1;
	return enter_directory(monitor);
}

/* In seconds; 0: none. A deletion waits for the hooks of the end, and must not do so for ever. */
static uint32_t timeout_of(const struct hook *hook)
{
	return hook->timeout == 0 && hook->kind == HOOK_POSTSTOP ? POSTSTOP_TIMEOUT_S : hook->timeout;
}

/* -1: for ever. */
static int milliseconds_left(const struct hook *hook, const struct timespec *begun)
{
	long long left;

	if (timeout_of(hook) == 0)
		return -1;
	left = timeout_of(hook) * 1000LL - milliseconds_since(begun);
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static bool has_ended(struct monitor *monitor, pid_t pid, int timeout)
{
	/* --cleanup has no main loop, and no other children. */
	if (monitor->signals < 0) {
		struct pollfd wait = {monitor->hook_pidfd, POLLIN, 0};

		poll(&wait, 1, timeout);
		return waitpid(pid, &monitor->hook_status, WNOHANG) == pid;
	}
	serve(monitor, timeout);
	return monitor->hook_pid == 0;
}

/* Whoever deletes a container does not wait for the hooks of its creation, or of its start. */
static bool is_unwanted(const struct monitor *monitor, const struct hook *hook)
{
	if (hook->kind == HOOK_POSTSTOP)
		return false;
	if (hook->kind == HOOK_POSTSTART)
		return monitor->init.phase == PHASE_STOPPED;
	return monitor->init.failed || monitor->ending;
}

/* NULL if it ended by itself, else why it was ended. */
static const char *await_hook(struct monitor *monitor, const struct hook_run *run)
{
	struct timespec begun;
	const char *reason = NULL;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	monitor->hook_pid = run->pid;
	monitor->hook_pidfd = run->pidfd;
	for (;;) {
		int left = reason ? -1 : milliseconds_left(run->hook, &begun);

		if (has_ended(monitor, run->pid, left))
			return reason;
		if (!reason && left == 0)
			reason = "it took longer than it may";
		else if (!reason && is_unwanted(monitor, run->hook))
			reason = "the container is gone";
		else
			continue;
		kill_hook(run);
	}
}

static int run_hook(struct monitor *monitor, const struct hook *hook, const char *status, struct gate_failure *failure)
{
	int (*enter)(void *) = hook->kind == HOOK_CREATE_CONTAINER ? enter_runtime_in_container : enter_host;
	pid_t pid = hook->kind == HOOK_POSTSTOP ? 0 : monitor->init.pid;
	size_t room = strlen(monitor->hooks.state) + 64;
	char *state = malloc(room);
	const char *ended_for;
	struct hook_run run;
	int failed;

	failed = !state || !format_state(&monitor->hooks, status, pid, state, room) ||
			 start_hook(&run, hook, state, enter, monitor) < 0;
	free(state);
	if (failed) {
		failure->error = errno;
		snprintf(failure->text, sizeof(failure->text), "hooks.%s: %s", hook_name(hook->kind), strerror(errno));
		return -1;
	}
	ended_for = await_hook(monitor, &run);
	return finish_hook(&run, monitor->hook_status, ended_for, failure);
}

int open_host_network(struct monitor *monitor)
{
	if (monitor->hooks.count == 0)
		return 0;
	monitor->host_network_fd = open(monitor->host_network, O_RDONLY | O_CLOEXEC);
	if (monitor->host_network_fd < 0)
		return monitor_fail(monitor, "cannot open the host's network namespace: %s", strerror(errno));
	return 0;
}

int run_hooks(struct monitor *monitor, enum hook_kind kind, const char *status)
{
	struct gate_failure failure;

	for (size_t i = 0; i < monitor->hooks.count; i++) {
		const struct hook *hook = &monitor->hooks.list[i];

		if (hook->kind != kind || run_hook(monitor, hook, status, &failure) == 0)
			continue;
		if (kind == HOOK_POSTSTART || kind == HOOK_POSTSTOP) {
			/* The specification: log a warning, and go on. */
			warn(monitor, "%s", failure.text);
			continue;
		}
		errno = failure.error;
		return monitor_fail(monitor, "%s", failure.text);
	}
	return 0;
}
