/*
 * Tests that change their process, or its mounts: each in a child of its own, so that the test program, and the
 * machine, stay as they are. They need root.
 */
#ifndef LXCRI_TESTING_SANDBOX_H
#define LXCRI_TESTING_SANDBOX_H

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* The exit status of a function's process; 128 and more: the signal that ended it. */
static inline int status_of(pid_t child)
{
	int status;

	CHECK(waitpid(child, &status, 0) == child);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Runs a part of a test in a child. A check that fails in it fails in the test. */
static inline void in_child(void (*part)(void))
{
	pid_t child;

	fflush(stdout);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		part();
		check_ended();
		fflush(stdout);
		/* Not exit: the leak checker is the parent's business. */
		_exit(0);
	}
	CHECK(status_of(child) == 0);
}

static inline void make_device(const char *path, unsigned int major_number, unsigned int minor_number)
{
	CHECK(mknod(path, S_IFCHR | 0666, makedev(major_number, minor_number)) == 0);
}

static inline void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(close(fd) == 0);
}

/* The text of a small file, until the next call. */
static inline const char *read_text(const char *path)
{
	static char text[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t got;

	CHECK(fd >= 0);
	while ((got = read(fd, text + size, sizeof(text) - 1 - size)) > 0)
		size += (size_t)got;
	CHECK(got == 0 && size < sizeof(text) - 1);
	close(fd);
	text[size] = '\0';
	return text;
}

/* A mount namespace whose changes reach no other. */
static inline void leave_the_hosts_mounts(void)
{
	CHECK(unshare(CLONE_NEWNS) == 0);
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
}

/* An empty root of its own, a tmpfs with the host's /proc and a /dev of two nodes. The host sees nothing of it. */
static inline void enter_empty_root(void)
{
	umask(0);
	leave_the_hosts_mounts();
	CHECK(mount("tmpfs", "/tmp", "tmpfs", 0, "mode=755") == 0);
	CHECK(chdir("/tmp") == 0);
	CHECK(mkdir("proc", 0755) == 0);
	CHECK(mount("/proc", "proc", NULL, MS_BIND, NULL) == 0);
	CHECK(mkdir("dev", 0755) == 0);
	make_device("dev/null", 1, 3);
	make_device("dev/zero", 1, 5);
	CHECK(chroot(".") == 0);
}

/* As CHECK_MAIN, with a child for each test. */
#define CHECK_MAIN_IN_CHILDREN(tests)                                                                                  \
	int main(void)                                                                                                     \
	{                                                                                                                  \
		return check_run_in_children(tests, sizeof tests / sizeof tests[0]);                                           \
	}

static inline int check_run_in_children(const struct check_test *tests, size_t count)
{
	if (geteuid() != 0) {
		printf("1..0 # SKIP this needs root\n");
		return 0;
	}
	printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		in_child(tests[i].run);
		printf("ok %zu - %s\n", i + 1, tests[i].name);
		fflush(stdout);
	}
	return 0;
}

#endif
