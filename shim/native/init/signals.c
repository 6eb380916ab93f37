#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "setup.h"

#define LAST_SIGNAL 64
/* What the kernel calls sizeof(sigset_t). */
#define SIGNAL_SET_SIZE 8

void reset_signals(void)
{
	/* Not the C library's calls: they leave out the signals that it keeps for itself. Zero is SIG_DFL, no flags. */
	static const unsigned long zero[8];

	for (int number = 1; number <= LAST_SIGNAL; number++)
		if (number != SIGKILL && number != SIGSTOP)
			syscall(SYS_rt_sigaction, number, zero, NULL, SIGNAL_SET_SIZE);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, zero, NULL, SIGNAL_SET_SIZE);
}
