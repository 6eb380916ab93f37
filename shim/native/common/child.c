#include "child.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

int place_fd(int from, int to)
{
	return dup2(from, to) == to ? 0 : -1;
}

int move_above(int fd, int target)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, target + 1);
}

void unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
