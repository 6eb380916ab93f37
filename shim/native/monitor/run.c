/* The order of things, and the main loop. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor.h"

#define CONTROL_FD 3
#define KEPT_OUTPUT_POLL_MS 100

void monitor_initialize(struct monitor *monitor)
{
	initialize_process(&monitor->init, "", "init.plan");
	monitor->criu.dump_status = CRIU_NOT_RUN;
	monitor->call = "";
	monitor->init.calls = &monitor->calls;
	monitor->driver = monitor->listener = monitor->signals = monitor->oom = monitor->root_tree =
		monitor->host_network_fd = -1;
	for (int i = 0; i < MONITOR_MAX_CONNECTIONS; i++)
		monitor->connections[i].fd = -1;
}

/* Every signal but SIGCHLD is ignored by being blocked: only the container's end ends its monitor. */
static int watch_signals(struct monitor *monitor)
{
	sigset_t all, children;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	monitor->signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	if (monitor->signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return monitor_fail(monitor, "cannot watch for children: %s", strerror(errno));
	return 0;
}

/* Reads one line and not a byte behind it. False when the daemon has gone, or the line is too long. */
static bool read_line(char *line, size_t room)
{
	for (size_t length = 0; length < room;) {
		ssize_t seen = recv(CONTROL_FD, line + length, room - length, MSG_PEEK);
		char *end = seen > 0 ? memchr(line + length, '\n', (size_t)seen) : NULL;
		size_t part = end ? (size_t)(end - line) + 1 - length : (size_t)seen;

		if (seen < 0 && errno == EINTR)
			continue;
		if (seen <= 0 || recv(CONTROL_FD, line + length, part, 0) != (ssize_t)part)
			return false;
		if (end) {
			*end = '\0';
			return true;
		}
		length += part;
	}
	return false;
}

/* Waits for "run DIRECTORY". Returns the directory, or NULL when the daemon has gone. */
static const char *wait_for_container(void)
{
	static char line[PATH_MAX + 8];

	return read_line(line, sizeof(line)) && strncmp(line, "run ", 4) == 0 ? line + 4 : NULL;
}

/* It may have said more, which is no end. */
static bool is_daemon_gone(void)
{
	struct pollfd control = {.fd = CONTROL_FD};

	return poll(&control, 1, 0) > 0 && (control.revents & (POLLHUP | POLLERR));
}

/* From here on every message has a place: the log in the container's directory. */
static int enter(struct monitor *monitor, const char *directory)
{
	int log;

	if (chdir(directory) < 0)
		return monitor_fail(monitor, "cannot enter %s: %s", directory, strerror(errno));
	/* The next one may have removed that directory, and made it again for the next try: it is not to be touched. */
	if (is_daemon_gone())
		exit(0);
	log = open("monitor.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0 || dup2(log, STDERR_FILENO) < 0)
		return monitor_fail(monitor, "cannot open monitor.log: %s", strerror(errno));
	close(log);
	return 0;
}

/*
 * The next daemon, if it did not find us listening, takes it that this container was never begun, and makes it anew.
 * One that did goes on with it.
 */
static void expect_daemon(struct monitor *monitor)
{
	if (is_daemon_gone() && !is_ready(monitor->listener))
		exit(0);
	monitor->is_accepted = true;
}

static void on_signal(void *context, void *subject)
{
	struct monitor *monitor = context;
	struct signalfd_siginfo signal;

	(void)subject;
	while (read(monitor->signals, &signal, sizeof(signal)) > 0)
		continue;
	reap_children(monitor);
}

void serve(struct monitor *monitor, int timeout)
{
	static struct watch_list list;

	clear_watchers(&list);
	wait_at_most(&list, timeout);
	if (settle_execs(monitor) == SETTLING_KEEPS)
		wait_at_most(&list, KEPT_OUTPUT_POLL_MS);
	watch_container(monitor, &list);
	watch(&list, monitor->signals, POLLIN, on_signal, NULL);
	watch_control(monitor, &list);
	watch_wake(monitor, &list);
	run_watchers(&list, monitor);
}

/* Serves until it is so, or never can be. */
#define SERVE_UNTIL(monitor, condition)                                                                                \
	while (!(condition) && !(monitor)->init.failed && !(monitor)->ending)                                              \
	serve(monitor, -1)

/* Whoever takes the output is there before the container is. It may need containerd for that, and so this daemon. */
static int await_logger(struct monitor *monitor)
{
	SERVE_UNTIL(monitor, monitor->init.logger.ready < 0);
	return monitor->init.failed ? -1 : 0;
}

/* Its namespaces are there, and it is in its cgroups. */
static int await_init(struct monitor *monitor)
{
	SERVE_UNTIL(monitor, monitor->init.pid > 0);
	return monitor->init.failed || monitor->ending ? -1 : brief_init(monitor);
}

static int run_creation_hooks(struct monitor *monitor)
{
	monitor->has_run_hooks = true;
	if (run_hooks(monitor, HOOK_PRESTART, "creating") < 0)
		return -1;
	return run_hooks(monitor, HOOK_CREATE_RUNTIME, "creating");
}

static int run_container_hooks(struct monitor *monitor)
{
	int failed;

	if (!has_hooks(&monitor->hooks, HOOK_CREATE_CONTAINER))
		return 0;
	SERVE_UNTIL(monitor, monitor->root_tree >= 0);
	if (monitor->init.failed || monitor->ending)
		return -1;
	failed = run_hooks(monitor, HOOK_CREATE_CONTAINER, "creating");
	close_fd(&monitor->root_tree);
	return failed ? -1 : resume_init(monitor);
}

static int prepare(struct monitor *monitor, const char *directory)
{
	if (enter(monitor, directory) < 0 || open_control(monitor) < 0)
		return -1;
	expect_daemon(monitor);
	if (monitor_read_plan(monitor) < 0 || open_host_network(monitor) < 0 || check_namespaces(monitor) < 0)
		return -1;
	if (open_streams(&monitor->init, &monitor->stream_owner) < 0 || await_logger(monitor) < 0)
		return -1;
	return mount_rootfs(monitor);
}

/* Everything but the processes, which criu makes when the container is started. */
static int prepare_restore(struct monitor *monitor)
{
	if (make_cgroups(monitor) < 0 || apply_cgroup_settings(monitor) < 0)
		return -1;
	watch_oom(monitor);
	if (attach_device_filter(monitor) < 0)
		return -1;
	monitor->has_run_hooks = true;
	await_restore(monitor);
	return 0;
}

static int start(struct monitor *monitor, const char *directory)
{
	if (prepare(monitor, directory) < 0)
		return -1;
	if (monitor->is_restored)
		return prepare_restore(monitor);
	/* The driver starts while the cgroups are made; its init waits for us before it needs them. */
	if (order_driver(monitor) < 0 || make_cgroups(monitor) < 0 || apply_cgroup_settings(monitor) < 0)
		return -1;
	watch_oom(monitor);
	if (attach_device_filter(monitor) < 0 || await_init(monitor) < 0 || run_creation_hooks(monitor) < 0)
		return -1;
	return set_up_init(monitor) < 0 ? -1 : run_container_hooks(monitor);
}

static int timeout_for(enum settling settling)
{
	return settling == SETTLING_KEEPS ? KEPT_OUTPUT_POLL_MS : -1;
}

static enum settling settle_all(struct monitor *monitor)
{
	enum settling init = settle_streams(&monitor->init), execs = settle_execs(monitor);

	return init > execs ? init : execs;
}

static void run_start_hooks(struct monitor *monitor)
{
	run_hooks(monitor, HOOK_POSTSTART, "running");
	announce_running(monitor);
}

/* When the container is deleted; at once if it never was one for its clients. */
static void run_stop_hooks(struct monitor *monitor)
{
	if (!monitor->has_run_hooks || !has_hooks(&monitor->hooks, HOOK_POSTSTOP))
		return;
	while (!monitor->init.failed && !monitor->init.released)
		serve(monitor, -1);
	run_hooks(monitor, HOOK_POSTSTOP, "stopped");
}

int run_monitor(struct monitor *monitor, const char *driver, const char *init)
{
	enum settling settling;
	const char *directory;

	monitor->init_program = init;
	if (watch_signals(monitor) == 0)
		start_driver(monitor, driver, init);
	directory = wait_for_container();
	if (!directory)
		return 0;
	/* Nobody is connected yet: the greeting tells of a failure. */
	if (monitor->init.failed)
		give_up(monitor);
	adopt_connection(monitor, CONTROL_FD);
	if (!monitor->init.failed && start(monitor, directory) < 0 && !monitor->ending)
		give_up(monitor);
	/* liblxc has its own cleaning to finish before ours, and criu the files of a container that it has ended. */
	while (monitor->init.phase != PHASE_STOPPED || (monitor->driver_pid > 0 && !monitor->driver_ended) ||
		   monitor->criu.pid > 0) {
		if (monitor->init.started && !monitor->is_announced)
			run_start_hooks(monitor);
		serve(monitor, -1);
	}
	keep_stats(monitor);
	remove_cgroups(monitor);
	unmount_rootfs(monitor);
	while ((settling = settle_all(monitor)) != SETTLED)
		serve(monitor, timeout_for(settling));
	run_stop_hooks(monitor);
	while (is_waking(monitor))
		serve(monitor, -1);
	unlink("monitor.sock");
	/* Nobody reads them any more. */
	unlink("monitor.plan");
	unlink("init.plan");
	part_with_daemons(monitor);
	return 0;
}
