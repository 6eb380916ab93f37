#include "init-status.h"

#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>

static int hidden = -1;

int hidden_init_status(void)
{
	return hidden;
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	pid_t ended = wait4(pid, status, options, NULL);

	if (ended > 0 && status && WIFSIGNALED(*status) && WTERMSIG(*status) == SIGHUP) {
		hidden = SIGHUP << 8 | 0x7f;
		*status = SIGKILL;
	}
	return ended;
}
