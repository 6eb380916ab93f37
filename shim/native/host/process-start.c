#include "process-start.h"

#include "close-from.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

// Above every number that is given out.
#define OUT_OF_THE_WAY 16

/** Keeps one descriptor out of the way; its new number replaces the old one. */
static int lift(int *fd)
{
	int lifted = fcntl(*fd, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
	if (lifted >= 0)
		*fd = lifted;
	return lifted;
}

static int place_all(struct placed_descriptor *places, size_t count, int null_fd, int *report_fd)
{
	int last = 0;
	// All out of the way first, so that placing one never overwrites another.
	for (size_t i = 0; i < count; i++) {
		if (lift(&places[i].from) < 0)
			return -1;
	}
	if (lift(report_fd) < 0 || lift(&null_fd) < 0 || dup2(null_fd, 0) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (dup2(places[i].from, places[i].to) < 0)
			return -1;
		if (places[i].to > last)
			last = places[i].to;
	}
	return dup3(*report_fd, last + 1, O_CLOEXEC);
}

int place_descriptors(struct placed_descriptor *places, size_t count, int report_fd, struct failure *failure)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null_fd < 0)
		return fail_errno(failure, "cannot open /dev/null");
	int placed = place_all(places, count, null_fd, &report_fd);
	if (placed < 0)
		return fail_errno(failure, "cannot place the descriptors of a new process");
	close_from(placed + 1);
	return placed;
}

void reset_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	for (int number = 1; number < NSIG; number++)
		sigaction(number, &action, NULL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
