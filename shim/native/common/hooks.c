#include "hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "kernel.h"
#include "plan.h"

static const char *const names[] = {"prestart",       "createRuntime", "createContainer",
									"startContainer", "poststart",     "poststop"};

const char *hook_name(enum hook_kind kind)
{
	return names[kind];
}

int plan_hook(struct hooks *hooks, char **arguments)
{
	struct hook *hook = &hooks->list[hooks->count];

	if (hooks->count == HOOKS_MAX) {
		errno = E2BIG;
		return -1;
	}
	*hook = (struct hook){.path = arguments[1]};
	for (size_t kind = 0; kind < sizeof(names) / sizeof(names[0]); kind++) {
		if (strcmp(arguments[0], names[kind]) != 0)
			continue;
		hook->kind = (enum hook_kind)kind;
		hooks->count++;
		return plan_u32(arguments[2], &hook->timeout);
	}
	errno = EPROTO;
	return -1;
}

static struct hook *last_hook(struct hooks *hooks)
{
	if (hooks->count > 0)
		return &hooks->list[hooks->count - 1];
	errno = EPROTO;
	return NULL;
}

int plan_hook_argument(struct hooks *hooks, char **arguments)
{
	struct hook *hook = last_hook(hooks);

	return hook ? append_word(&hook->arguments, arguments[0]) : -1;
}

int plan_hook_environment(struct hooks *hooks, char **arguments)
{
	struct hook *hook = last_hook(hooks);

	return hook ? append_word(&hook->environment, arguments[0]) : -1;
}

bool has_hooks(const struct hooks *hooks, enum hook_kind kind)
{
	for (size_t i = 0; i < hooks->count; i++)
		if (hooks->list[i].kind == kind)
			return true;
	return false;
}

bool format_state(const struct hooks *hooks, const char *status, pid_t pid, char *text, size_t room)
{
	int size = pid > 0 ? snprintf(text, room, "%s,\"status\":\"%s\",\"pid\":%d}", hooks->state, status, (int)pid)
					   : snprintf(text, room, "%s,\"status\":\"%s\"}", hooks->state, status);

	return size > 0 && (size_t)size < room;
}

/* A file in memory: nobody has to feed it to the hook, which may also not read it. */
static int memory_file(const char *name, const char *text)
{
	int fd = memfd_create(name, MFD_CLOEXEC);
	size_t size = strlen(text);

	if (fd >= 0 && write(fd, text, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Failures go to the log, as the hook's own would. */
_Noreturn static void become_hook(const struct hook *hook, int state, int log, int (*enter)(void *), void *context)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char *const unnamed[] = {(char *)hook->path, NULL};

	setsid();
	unblock_signals();
	if (place_fd(log, 2) == 0 && place_fd(state, 0) == 0 && place_fd(null, 1) == 0 && (!enter || enter(context) == 0)) {
		lxcri_close_range(3, ~0u, LXCRI_CLOSE_RANGE_CLOEXEC);
		execve(hook->path, hook->arguments.count ? words_of(&hook->arguments) : unnamed, words_of(&hook->environment));
	}
	dprintf(2, "cannot execute it: %s", strerror(errno));
	_exit(127);
}

int start_hook(
	struct hook_run *run, const struct hook *hook, const char *state, int (*enter)(void *context), void *context)
{
	int input = memory_file("lxcri-state", state);

	*run = (struct hook_run){.hook = hook, .pidfd = -1, .log = memory_file("lxcri-hook", "")};
	run->pid = input < 0 || run->log < 0 ? -1 : fork();
	if (run->pid == 0)
		become_hook(hook, input, run->log, enter, context);
	if (input >= 0)
		close(input);
	if (run->pid > 0)
		run->pidfd = lxcri_pidfd_open(run->pid);
	if (run->pid > 0 && run->pidfd >= 0)
		return 0;
	if (run->log >= 0)
		close(run->log);
	return -1;
}

void kill_hook(const struct hook_run *run)
{
	kill(-run->pid, SIGKILL);
	kill(run->pid, SIGKILL);
}

/* The end of what it said, in one line. */
static void read_log(int log, char *text, size_t room)
{
	off_t size = lseek(log, 0, SEEK_END);
	off_t start = size > (off_t)room - 1 ? size - (off_t)(room - 1) : 0;
	ssize_t length = pread(log, text, room - 1, start);

	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' '))
		length--;
	text[length > 0 ? length : 0] = '\0';
}

int finish_hook(struct hook_run *run, int wait_status, const char *ended_for, struct gate_failure *failure)
{
	const struct hook *hook = run->hook;
	bool failed = ended_for || wait_status != 0;
	char said[512], end[64];

	read_log(run->log, said, sizeof(said));
	close(run->log);
	close(run->pidfd);
	if (!failed)
		return 0;
	if (ended_for)
		snprintf(end, sizeof(end), "%s", ended_for);
	else if (WIFSIGNALED(wait_status))
		snprintf(end, sizeof(end), "signal %d ended it", WTERMSIG(wait_status));
	else
		snprintf(end, sizeof(end), "exit status %d", WEXITSTATUS(wait_status));
	failure->error = ECANCELED;
	snprintf(
		failure->text, sizeof(failure->text), "hooks.%s (%.200s): %s%s%s", hook_name(hook->kind), hook->path, end,
		said[0] ? ": " : "", said);
	return -1;
}
