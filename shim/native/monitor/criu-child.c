/* The child that becomes criu: in the host's network namespace, and for a restore in the container's cgroups. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/child.h"
#include "../common/kernel.h"
#include "criu.h"
#include "monitor.h"

#define EXIT_CHILD_FAILED 125
/* Above all numbers that a plan may name. */
#define FIRST_FREE_FD 64

/* In the form of criu's own errors: the daemon looks for that. */
_Noreturn static void fail(const char *what, const char *subject)
{
	dprintf(STDERR_FILENO, "Error (lxcri-monitor): %s %s: %s\n", what, subject, strerror(errno));
	_exit(EXIT_CHILD_FAILED);
}

static void use_log(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int log = open(CRIU_OUTPUT, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (null < 0 || log < 0 || place_fd(log, STDERR_FILENO) < 0 || place_fd(log, STDOUT_FILENO) < 0 ||
		place_fd(null, STDIN_FILENO) < 0)
		_exit(EXIT_CHILD_FAILED);
}

/* Where the container's network is the host's, criu must see that it is the same. */
static void join_network(const char *path)
{
	int fd = path[0] ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (path[0] && (fd < 0 || setns(fd, CLONE_NEWNET) < 0))
		fail("cannot join the host's network namespace", path);
	if (fd >= 0)
		close(fd);
}

/* What it restores begins where it is itself. */
static void join_cgroups(const struct monitor *monitor)
{
	for (size_t i = 0; i < monitor->cgroup_count; i++) {
		const struct cgroup *cgroup = &monitor->cgroups[i];
		int fd;

		if (cgroup->kind == CGROUP_V2) {
			if (join_unified(cgroup, getpid()) < 0)
				fail("cannot join the cgroup", cgroup->path);
			continue;
		}
		fd = open_join_file(cgroup);
		if (fd < 0 || write(fd, "0", 1) != 1)
			fail("cannot join the cgroup", cgroup->path);
		close(fd);
	}
}

/* One component of a path, which is no link: the image is not to say where the container's mounts go. */
static int enter_component(int parent, const char *name, bool is_directory)
{
	int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC | (is_directory ? O_DIRECTORY : 0);
	struct stat st;
	int fd;

	if (is_directory && mkdirat(parent, name, 0755) < 0 && errno != EEXIST && errno != EROFS)
		return -1;
	if (!is_directory) {
		fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (fd < 0 && errno != EEXIST && errno != EROFS)
			return -1;
		if (fd >= 0)
			close(fd);
	}
	fd = openat(parent, name, flags);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISLNK(st.st_mode))
		return fd;
	close(fd);
	errno = ELOOP;
	return -1;
}

static int make_mount_point(const char *place, const struct mount_point *point)
{
	char path[PATH_MAX];
	char *rest = path;
	int directory = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (snprintf(path, sizeof(path), "%s", point->path) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (char *name; directory >= 0 && (name = strsep(&rest, "/"));) {
		int child, saved;

		if (!name[0] || strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			errno = EINVAL;
			return -1;
		}
		child = enter_component(directory, name, rest != NULL || point->is_directory);
		saved = errno;
		close(directory);
		errno = saved;
		directory = child;
	}
	return directory < 0 ? -1 : close(directory);
}

/*
 * criu wants the root to be a mount whose parent nothing hides. It is one of a mount namespace that ends with criu, so
 * nothing is to be unmounted. Every mount there is shared, and still a slave of the host's: criu makes those of the
 * container slaves again of what they come from, and for that it must be shared (criu, mount-v2.c).
 */
static void make_root(const struct criu *criu)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0)
		fail("cannot make", "a mount namespace");
	if (mount(criu->root, criu->place, NULL, MS_BIND | MS_REC, NULL) < 0)
		fail("cannot mount the root file system", criu->root);
	for (size_t i = 0; i < criu->mount_point_count; i++)
		if (make_mount_point(criu->place, &criu->mount_points[i]) < 0)
			fail("cannot make the mount point", criu->mount_points[i].path);
}

static int open_inherited(const struct monitor *monitor, const struct inherited_fd *inherited)
{
	int fd, moved;

	if (inherited->stream >= 0)
		return move_above(monitor->init.streams[inherited->stream].payload_fd, FIRST_FREE_FD);
	/* Of the null device both directions are used; a namespace has but one. */
	fd = open(inherited->path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		fd = open(inherited->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	moved = fd < 0 ? -1 : move_above(fd, FIRST_FREE_FD);
	if (fd >= 0)
		close(fd);
	return moved;
}

/* In two steps: what is placed must not close what is yet to be. */
static void pass_descriptors(const struct monitor *monitor)
{
	const struct criu *criu = &monitor->criu;
	int fds[CRIU_MAX_INHERITED];

	for (size_t i = 0; i < criu->inherited_count; i++) {
		fds[i] = open_inherited(monitor, &criu->inherited[i]);
		if (fds[i] < 0)
			fail("cannot open", criu->inherited[i].path ? criu->inherited[i].path : "a stream of the container");
	}
	for (size_t i = 0; i < criu->inherited_count; i++)
		if (criu->inherited[i].number >= FIRST_FREE_FD || place_fd(fds[i], (int)criu->inherited[i].number) < 0)
			fail("cannot pass", "a descriptor");
}

_Noreturn void become_criu(const struct monitor *monitor, const char *network)
{
	/* It runs programs: ip, tar, iptables-save. */
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *const environment[] = {path, NULL};
	const struct criu *criu = &monitor->criu;

	/* Without its monitor nobody would hear of its end. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	setsid();
	unblock_signals();
	use_log();
	/* The connection to the daemon among them: what criu starts must not keep it open. */
	lxcri_close_range(STDERR_FILENO + 1, ~0u, LXCRI_CLOSE_RANGE_CLOEXEC);
	join_network(network);
	if (criu->restores) {
		join_cgroups(monitor);
		/* What it restores has it then, and what it mounts of cgroups shows no more than that. */
		if (criu->cgroup_namespace && unshare(CLONE_NEWCGROUP) < 0)
			fail("cannot make", "a cgroup namespace");
		pass_descriptors(monitor);
		make_root(criu);
	}
	execve(criu->arguments.words[0], criu->arguments.words, environment);
	fail("cannot execute", criu->arguments.words[0]);
}
