/*
 * The way into a container, in two steps. The helper joins its cgroups and its PID namespace, and forks; only the child
 * of that is in the PID namespace. It is made the monitor's own child, and, in v2, born in the cgroup: a move would
 * wait for the kernel, and could not be made from within a user or cgroup namespace. Then it joins the other
 * namespaces.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../common/child.h"
#include "../common/kernel.h"
#include "exec.h"
#include "monitor.h"

#define LXCRI_CLONE_INTO_CGROUP 0x200000000ull

struct clone_arguments {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

__attribute__((format(printf, 2, 3))) _Noreturn static void fail(int gate, const char *format, ...)
{
	struct gate_failure failure = {.error = errno};
	va_list list;

	va_start(list, format);
	vsnprintf(failure.text, sizeof(failure.text), format, list);
	va_end(list);
	gate_send(gate, GATE_FAILED, &failure, sizeof(failure), NULL, 0);
	_exit(EXIT_FAILURE);
}

static int open_cgroup(const char *base, const char *path)
{
	char directory[PATH_MAX];

	if (snprintf(directory, sizeof(directory), "%s%s", base, path) >= (int)sizeof(directory)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* v1: a thread that writes "0" moves itself, and does not wait (cgroup-setup.c). Returns v2's directory, or -1. */
static int join_cgroups(const struct monitor *monitor, int gate)
{
	int unified = -1;

	for (size_t i = 0; i < monitor->cgroup_count; i++) {
		const struct cgroup *cgroup = &monitor->cgroups[i];
		int fd = cgroup->kind == CGROUP_V2 ? open_cgroup(cgroup->base, cgroup->path) : open_join_file(cgroup);

		if (fd < 0 || (cgroup->kind != CGROUP_V2 && write(fd, "0", 1) != 1))
			fail(gate, "cannot join the cgroup %s%s: %s", cgroup->base, cgroup->path, strerror(errno));
		if (cgroup->kind == CGROUP_V2)
			unified = fd;
		else
			close(fd);
	}
	return unified;
}

/* Here, where the host's /proc is, and the host's root, who alone may lower it. */
static void set_oom_score_adj(int gate, const char *value)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail(gate, "process.oomScoreAdj: cannot set it to %s: %s", value, strerror(errno));
	close(fd);
}

/* As fork, but the child is the monitor's, and in the cgroup. */
static pid_t fork_into(int cgroup)
{
	struct clone_arguments arguments = {
		.flags = CLONE_PARENT | (cgroup < 0 ? 0 : LXCRI_CLONE_INTO_CGROUP),
		.cgroup = cgroup < 0 ? 0 : (uint64_t)cgroup,
	};

	return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

/*
 * A container that has cgroups of its own below (systemd's, say) has moved its processes there, and handed controllers
 * on: then its own takes no process any more. runc also goes where the first process is.
 */
static int open_cgroup_of(const struct monitor *monitor, pid_t pid)
{
	char path[64], line[PATH_MAX];
	const char *base = NULL;
	int cgroup = -1;
	FILE *file;

	for (size_t i = 0; i < monitor->cgroup_count; i++)
		if (monitor->cgroups[i].kind == CGROUP_V2)
			base = monitor->cgroups[i].base;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	file = fopen(path, "re");
	while (file && base && cgroup < 0 && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::/", 4) == 0)
			cgroup = open_cgroup(base, line + 3);
	}
	if (file)
		fclose(file);
	return cgroup;
}

/* Root of the container's user namespace, where it has one; the host's root is nobody there. */
static void become_root(int gate)
{
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		fail(gate, "cannot drop the groups: %s", strerror(errno));
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		fail(gate, "cannot become root of the user namespace: %s", strerror(errno));
}

/* The monitor's log among them: until the init has its own, they are nothing. */
static void forget_the_hosts_streams(int gate)
{
	int nothing = memfd_create("lxcri-stdio", MFD_CLOEXEC);

	for (int fd = 0; fd <= 2; fd++)
		if (nothing < 0 || place_fd(nothing, fd) < 0)
			fail(gate, "cannot close the monitor's streams: %s", strerror(errno));
}

_Noreturn static void become_init(const struct monitor *monitor, int gate, int program, int namespaces)
{
	char *const arguments[] = {(char *)"lxcri-init", NULL};
	char *const environment[] = {NULL};

	int others = namespaces & ~CLONE_NEWPID;

	/* None at all is no valid choice (setns(2)), and nothing to be joined. */
	if (others && setns(monitor->init.pidfd, others) < 0)
		fail(gate, "cannot join the container's namespaces: %s", strerror(errno));
	if (namespaces & CLONE_NEWUSER)
		become_root(gate);
	/* A new session, and keys of its own rather than the daemon's: keyctl(2), KEYCTL_JOIN_SESSION_KEYRING. */
	setsid();
	syscall(SYS_keyctl, 1, NULL);
	unblock_signals();
	forget_the_hosts_streams(gate);
	program = move_above(program, GATE_FD);
	gate = move_above(gate, GATE_FD);
	if (place_fd(gate, GATE_FD) < 0)
		_exit(EXIT_FAILURE);
	syscall(SYS_execveat, program, "", arguments, environment, AT_EMPTY_PATH);
	fail(gate, "cannot execute the init: %s", strerror(errno));
}

_Noreturn void enter_container(const struct monitor *monitor, const struct exec *exec, int gate, int init_program)
{
	pid_t init = monitor->init.pid, child;
	int namespaces = foreign_namespaces(init);
	int cgroup = join_cgroups(monitor, gate);

	if (exec->oom_score_adj)
		set_oom_score_adj(gate, exec->oom_score_adj);
	/* No process of the container may trace this one, or open what it has open. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (namespaces & CLONE_NEWPID && setns(monitor->init.pidfd, CLONE_NEWPID) < 0)
		fail(gate, "cannot join the container's PID namespace: %s", strerror(errno));
	child = fork_into(cgroup);
	if (child < 0 && errno == EBUSY) {
		cgroup = open_cgroup_of(monitor, init);
		child = cgroup < 0 ? -1 : fork_into(cgroup);
	}
	if (child < 0)
		fail(gate, "cannot fork in the container: %s", strerror(errno));
	if (child == 0)
		become_init(monitor, gate, init_program, namespaces);
	_exit(EXIT_SUCCESS);
}
