/* The hooks that concern the init: those of startContainer, which it runs itself, and the place of createContainer's.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/kernel.h"
#include "setup.h"

/* pass-root: gives the monitor a copy of all mounts, and waits until it has run the hooks that want to see them */
int op_pass_root(void *context, char **arguments)
{
	int tree = lxcri_open_tree(AT_FDCWD, "/", LXCRI_OPEN_TREE_CLONE | LXCRI_AT_RECURSIVE | O_CLOEXEC);
	int sent = tree < 0 ? -1 : gate_send(GATE_FD, GATE_ROOT, NULL, 0, &tree, 1);

	(void)arguments;
	if (sent < 0)
		return setup_fail(context, "cannot show the mounts to the hooks: %s", strerror(errno));
	close(tree);
	if (gate_receive(GATE_FD, NULL, NULL, NULL, NULL, NULL) == GATE_RESUME)
		return 0;
	errno = EPIPE;
	return -1;
}

/* In milliseconds; -1: for ever. */
static int timeout_of(const struct hook *hook)
{
	if (hook->timeout == 0)
		return -1;
	return hook->timeout > INT_MAX / 1000 ? INT_MAX : (int)hook->timeout * 1000;
}

static int run_hook(struct setup *setup, const struct hook *hook)
{
	struct gate_failure failure;
	size_t room = strlen(setup->hooks.state) + 64;
	char *state = malloc(room);
	struct hook_run run;
	struct pollfd wait;
	int status = 0;
	bool timed_out;

	if (!state || !format_state(&setup->hooks, "created", getpid(), state, room) ||
		start_hook(&run, hook, state, NULL, NULL) < 0)
		return setup_fail(setup, "cannot start it: %s", strerror(errno));
	wait = (struct pollfd){run.pidfd, POLLIN, 0};
	timed_out = poll(&wait, 1, timeout_of(hook)) == 0;
	if (timed_out)
		kill_hook(&run);
	waitpid(run.pid, &status, 0);
	free(state);
	if (finish_hook(&run, status, timed_out ? "it took longer than it may" : NULL, &failure) == 0)
		return 0;
	setup->field = NULL;
	errno = failure.error;
	return setup_fail(setup, "%s", failure.text);
}

int run_start_hooks(struct setup *setup)
{
	for (size_t i = 0; i < setup->hooks.count; i++)
		if (run_hook(setup, &setup->hooks.list[i]) < 0)
			return -1;
	return 0;
}
