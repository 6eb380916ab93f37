/*
 * lxcri-keeper: holds containerd's connections and relays whole frames to the shim daemon, which may be killed, sleep
 * and be replaced at any moment. The launcher starts it; one for each run directory.
 */

#include "cgroup-join.h"
#include "departure.h"
#include "descriptor-limit.h"
#include "host/failure.h"
#include "host/file-io.h"
#include "host/keeper-start.h"
#include "keeper-log.h"
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_LINGER_MS 30000

extern char **environ;

static struct keeper keeper;
static char cgroups[PATH_MAX];

/** Milliseconds; what is no number is as if it were not set. */
static int64_t linger_ms(void)
{
	const char *text = getenv("LXCRI_LINGER_MS");
	if (!text || !*text || strlen(text) > 12 || strspn(text, "0123456789") != strlen(text))
		return DEFAULT_LINGER_MS;
	return strtoll(text, NULL, 10);
}

/**
 * liblxc's command socket is an abstract one: whoever is root in the same network namespace may command it, a container
 * with the host's network and uid 0 included. So the daemons, and with them all drivers, have a network namespace of
 * their own, in which there is nothing else. The keeper stays in the host's, where daemons find it by the keeper's
 * /proc/PID/ns/net.
 */
static int make_network(int *network_fd, struct failure *failure)
{
	int host_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (host_fd < 0)
		return fail_errno(failure, "cannot open /proc/self/ns/net");
	int result = unshare(CLONE_NEWNET);
	if (result == 0) {
		*network_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		result = *network_fd < 0 ? -1 : setns(host_fd, CLONE_NEWNET);
	}
	if (result != 0)
		fail_errno(failure, "cannot make a network namespace for the daemon");
	close(host_fd);
	return result;
}

/** PID.START, by which a daemon tells one keeper from another: PIDs come again. Field 22 of proc(5)'s stat. */
static int identify(char *identity, size_t size, struct failure *failure)
{
	char stat[2048];
	if (read_small_file("/proc/self/stat", stat, sizeof stat) < 0)
		return fail_errno(failure, "cannot read /proc/self/stat");
	char *field = strrchr(stat, ')');
	for (int number = 2; field && number < 22; number++)
		field = strchr(field + 1, ' ');
	if (!field)
		return fail(failure, "/proc/self/stat cannot be understood");
	field[1 + strcspn(field + 1, " ")] = '\0';
	snprintf(identity, size, "%ld.%s", (long)getpid(), field + 1);
	return 0;
}

static void reap(void)
{
	int status;
	for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG))
		daemon_life_reaped(&keeper, pid, status);
}

/** Another build may be there by now, at the same place. */
static void reload(void)
{
	char path[PATH_MAX];
	char build[BUILD_MAX];
	if (keeper.life.successor)
		return;
	if (format_path(path, sizeof path, "%s/build", keeper.life.lib_dir) != 0 ||
		read_small_file(path, build, sizeof build) < 0)
		strcpy(build, keeper.life.build);
	build[strcspn(build, "\n")] = '\0';
	daemon_life_replace(&keeper, build, keeper.life.lib_dir);
}

static void on_signal(struct watch *watch, uint32_t events)
{
	struct signalfd_siginfo info;
	(void)events;
	if (read(watch->fd, &info, sizeof info) != sizeof info)
		return;
	if (info.ssi_signo == SIGCHLD)
		reap();
	else if (keeper.life.ending)
		return;
	else if (info.ssi_signo == SIGHUP)
		reload();
	else {
		keeper_log(&keeper, "ending, by signal %u", info.ssi_signo);
		daemon_life_end(&keeper);
	}
}

static int watch_signals(struct watch *watch, struct failure *failure)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	*watch = (struct watch){.fd = -1, .ready = on_signal};
	if (fd < 0 || watch_open(&keeper.loop, watch, fd, EPOLLIN) != 0)
		return fail_errno(failure, "cannot wait for signals");
	return 0;
}

static int set_up(struct watch *signals, struct failure *failure)
{
	static char identity[64];
	const char *build = getenv("LXCRI_BUILD");
	const char *lib_dir = getenv("LXCRI_LIB_DIR");
	keeper.build = build;
	keeper.setting =
		(struct daemon_setting){.paths = &keeper.paths, .environment = environ, .identity = identity, .network_fd = -1};
	if (!build || !lib_dir || fcntl(KEEPER_LOCK_FD, F_SETFD, FD_CLOEXEC) != 0 ||
		fcntl(KEEPER_REPORT_FD, F_SETFD, FD_CLOEXEC) != 0)
		return fail(
			failure, "this is lxcri-keeper; containerd-shim-lxcri-v1 starts it when containerd runs a container");
	if (paths_init(&keeper.paths, getenv("LXCRI_RUN_DIR"), failure) != 0 ||
		daemon_life_init(&keeper, build, lib_dir, failure) != 0 || identify(identity, sizeof identity, failure) != 0 ||
		make_network(&keeper.setting.network_fd, failure) != 0)
		return -1;
	if (event_loop_open(&keeper.loop) != 0)
		return fail_errno(failure, "cannot make an epoll descriptor");
	if (watch_signals(signals, failure) != 0)
		return -1;
	departure_clean_up_after_another(&keeper);
	if (control_open(&keeper, linger_ms(), failure) != 0)
		return -1;
	own_files_watch(&keeper);
	cgroup_join_own(&keeper, cgroups, sizeof cgroups);
	descriptor_limit_raise();
	return 0;
}

static void run(void)
{
	while (!keeper.life.ending || !daemon_life_has_ended(&keeper)) {
		int wait = departure_wait_ms(&keeper);
		// What has come in meanwhile is heard first.
		if (!event_loop_step(&keeper.loop, wait) && wait == 0)
			return;
	}
}

int main(void)
{
	static struct failure failure;
	struct watch signals;
	umask(077);
	if (set_up(&signals, &failure) != 0) {
		if (write_all(KEEPER_REPORT_FD, failure.text, strlen(failure.text)) != 0)
			dprintf(STDERR_FILENO, "lxcri-keeper: %s\n", failure.text);
		return 1;
	}
	if (write_all(KEEPER_REPORT_FD, KEEPER_LISTENS, strlen(KEEPER_LISTENS)) != 0)
		keeper_log(&keeper, "the launcher that has started this keeper is gone");
	close(KEEPER_REPORT_FD);
	run();
	departure_clean_up(&keeper, cgroups);
	return 0;
}
