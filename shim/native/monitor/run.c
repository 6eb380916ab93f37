/* The order of things, and the main loop. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
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
	monitor->gate = monitor->driver = monitor->start_report = -1;
	monitor->init_pidfd = monitor->listener = monitor->signals = monitor->oom = -1;
	for (int i = 0; i < 3; i++)
		monitor->streams[i] = (struct stream){"", false, -1, -1};
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

/* From here on every message has a place: the log in the container's directory. */
static int enter(struct monitor *monitor, const char *directory)
{
	int log;

	if (chdir(directory) < 0)
		return monitor_fail(monitor, "cannot enter %s: %s", directory, strerror(errno));
	log = open("monitor.log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0 || dup2(log, STDERR_FILENO) < 0)
		return monitor_fail(monitor, "cannot open monitor.log: %s", strerror(errno));
	close(log);
	return 0;
}

/* The next daemon, if it did not find us listening, takes it that this container was never begun. */
static int expect_daemon(struct monitor *monitor)
{
	struct pollfd control = {.fd = CONTROL_FD};

	if (poll(&control, 1, 0) == 0)
		return 0;
	errno = EPIPE;
	return monitor_fail(monitor, "the daemon that asked for this container has died");
}

static int start(struct monitor *monitor, const char *directory)
{
	if (enter(monitor, directory) < 0 || open_control(monitor) < 0 || expect_daemon(monitor) < 0)
		return -1;
	if (monitor_read_plan(monitor) < 0 || check_namespaces(monitor) < 0)
		return -1;
	if (open_streams(monitor) < 0 || mount_rootfs(monitor) < 0)
		return -1;
	/* The driver starts while the cgroups are made; its init waits for us before it needs them. */
	if (order_driver(monitor) < 0 || make_cgroups(monitor) < 0 || apply_cgroup_settings(monitor) < 0)
		return -1;
	watch_oom(monitor);
	return attach_device_filter(monitor);
}

/* The descriptors of the main loop, in a fixed order. */
enum watched { WATCH_OOM, WATCH_SIGNALS, WATCH_GATE, WATCH_START, WATCH_DRIVER, WATCH_LISTENER, WATCH_CONNECTIONS };

static void wait_for_event(struct monitor *monitor, int timeout)
{
	struct pollfd fds[WATCH_CONNECTIONS + MONITOR_MAX_CONNECTIONS] = {
		[WATCH_SIGNALS] = {monitor->signals, POLLIN, 0},    [WATCH_GATE] = {monitor->gate, POLLIN, 0},
		[WATCH_START] = {monitor->start_report, POLLIN, 0}, [WATCH_DRIVER] = {monitor->driver, POLLIN, 0},
		[WATCH_LISTENER] = {monitor->listener, POLLIN, 0},  [WATCH_OOM] = {monitor->oom, POLLIN, 0},
	};
	struct signalfd_siginfo signal;

	for (int i = 0; i < MONITOR_MAX_CONNECTIONS; i++)
		fds[WATCH_CONNECTIONS + i] = (struct pollfd){monitor->connections[i].fd, POLLIN, 0};
	if (poll(fds, sizeof(fds) / sizeof(fds[0]), timeout) <= 0)
		return;
	/* In the order of events in a container's life; a handler may close a later one, so each is checked again. */
	if (fds[WATCH_OOM].revents)
		on_oom(monitor);
	if (fds[WATCH_GATE].revents && monitor->gate >= 0)
		on_gate(monitor);
	if (fds[WATCH_START].revents && monitor->start_report >= 0)
		on_start_report(monitor);
	if (fds[WATCH_DRIVER].revents && monitor->driver >= 0)
		on_driver(monitor);
	if (fds[WATCH_SIGNALS].revents) {
		while (read(monitor->signals, &signal, sizeof(signal)) > 0)
			continue;
		on_child(monitor);
	}
	for (int i = 0; i < MONITOR_MAX_CONNECTIONS; i++)
		if (fds[WATCH_CONNECTIONS + i].revents && monitor->connections[i].fd >= 0)
			read_connection(monitor, &monitor->connections[i]);
	if (fds[WATCH_LISTENER].revents)
		accept_connection(monitor);
}

int run_monitor(struct monitor *monitor, const char *driver, const char *init)
{
	const char *directory;

	if (watch_signals(monitor) == 0)
		start_driver(monitor, driver, init);
	directory = wait_for_container();
	if (!directory)
		return 0;
	/* Nobody is connected yet: the greeting tells of a failure. */
	if (monitor->failed)
		give_up(monitor);
	adopt_connection(monitor, CONTROL_FD);
	if (!monitor->failed && start(monitor, directory) < 0)
		give_up(monitor);
	while (monitor->phase != PHASE_STOPPED)
		wait_for_event(monitor, -1);
	/* Let liblxc finish its own cleaning first. */
	while (monitor->driver_pid > 0 && !monitor->driver_ended)
		wait_for_event(monitor, -1);
	keep_stats(monitor);
	remove_cgroups(monitor);
	unmount_rootfs(monitor);
	while (settle_streams(monitor))
		wait_for_event(monitor, KEPT_OUTPUT_POLL_MS);
	unlink("monitor.sock");
	/* Nobody reads them any more. */
	unlink("monitor.plan");
	unlink("init.plan");
	return 0;
}
