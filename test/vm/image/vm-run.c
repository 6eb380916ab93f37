/*
 * vm-run ID DIRECTORY [NAME=VALUE]... -- PROGRAM [ARGUMENT]...
 *
 * What ssh starts for the host, see test/vm/machine/channel.ts. The program gets a process group of its own, which
 * /run/vm/ID names, so that the host can send it signals; this process stays to tell how it ended, 128 + n for a death
 * by signal n, which ssh would not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what, int status) {
	fprintf(stderr, "vm-run: %s: %s\n", what, strerror(errno));
	return status;
}

static int write_pid(const char *id, pid_t pid) {
	char path[128];
	snprintf(path, sizeof path, "/run/vm/%s", id);
	mkdir("/run/vm", 0700);
	FILE *file = fopen(path, "w");
	if (file == NULL) return -1;
	fprintf(file, "%d\n", (int)pid);
	return fclose(file);
}

/* With a terminal, the group must be the one to which its keys send signals. */
static void lead_group(void) {
	setpgid(0, 0);
	if (!isatty(STDIN_FILENO)) return;
	signal(SIGTTOU, SIG_IGN);
	tcsetpgrp(STDIN_FILENO, getpid());
	signal(SIGTTOU, SIG_DFL);
}

static int run(const char *id, char **argv) {
	lead_group();
	if (write_pid(id, getpid()) != 0) return fail("/run/vm", 125);
	execvp(argv[0], argv);
	return fail(argv[0], errno == ENOENT ? 127 : 126);
}

static int wait_for(pid_t pid) {
	int status;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR) return fail("waitpid", 125);
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv) {
	if (argc < 5) {
		fputs("usage: vm-run ID DIRECTORY [NAME=VALUE]... -- PROGRAM [ARGUMENT]...\n", stderr);
		return 125;
	}
	char **next = argv + 3;
	for (; *next != NULL && strcmp(*next, "--") != 0; next++) putenv(*next);
	if (*next == NULL || next[1] == NULL) return fail("no program after --", 125);
	if (chdir(argv[2]) != 0) return fail(argv[2], 125);
	pid_t pid = fork();
	if (pid < 0) return fail("fork", 125);
	if (pid == 0) _exit(run(argv[1], next + 1));
	return wait_for(pid);
}
