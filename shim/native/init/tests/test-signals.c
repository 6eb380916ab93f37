#include "setup.h"
#include "testing/check.h"
#include "testing/sandbox.h"

#include <signal.h>
#include <sys/syscall.h>

#define LAST_SIGNAL 64

/* The kernel's own form, which also takes the signals that C libraries keep for themselves. */
struct kernel_action {
	void (*handler)(int);
	unsigned long flags;
	void *restorer;
	unsigned long mask;
};

static void ignore(int number)
{
	const struct kernel_action action = {.handler = SIG_IGN};

	if (number != SIGKILL && number != SIGSTOP)
		CHECK(syscall(SYS_rt_sigaction, number, &action, NULL, sizeof(action.mask)) == 0);
}

static void block_all(void)
{
	const unsigned long all = ~0ul;

	CHECK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof(all)) == 0);
}

static void no_signal_is_ignored_or_blocked(void)
{
	const char *status;

	block_all();
	for (int number = 1; number <= LAST_SIGNAL; number++)
		ignore(number);
	CHECK(!strstr(read_text("/proc/self/status"), "SigIgn:\t0000000000000000"));
	reset_signals();
	status = read_text("/proc/self/status");
	CHECK_HOLDS(status, "SigIgn:\t0000000000000000");
	CHECK_HOLDS(status, "SigBlk:\t0000000000000000");
	CHECK_HOLDS(status, "SigCgt:\t0000000000000000");
}

static void on_signal(int number)
{
	(void)number;
	_exit(1);
}

/* What came while it was blocked meets the default, here: nothing. */
static void no_handler_is_called_any_more(void)
{
	CHECK(signal(SIGURG, on_signal) != SIG_ERR);
	block_all();
	CHECK(raise(SIGURG) == 0);
	reset_signals();
}

static const struct check_test tests[] = {
	{TEST(no_signal_is_ignored_or_blocked)},
	{TEST(no_handler_is_called_any_more)},
};

CHECK_MAIN_IN_CHILDREN(tests)
