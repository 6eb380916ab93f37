/*
 * A daemon that has nothing to do ends, and lets its monitors go before. Whoever has something to tell then says "wake"
 * on the keeper's socket, which lies in the run directory: the working directory is <run>/containers/NAMESPACE/ID. It
 * is said again until a daemon comes, as a keeper may be replaced as well. What is to be told waits here, or in the
 * files `status`, which tell of an end even when this monitor is gone.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "elapsed.h"
#include "monitor.h"

#define FIRST_DELAY_MS 100
#define LAST_DELAY_MS 5000

static const struct sockaddr_un keeper = {.sun_family = AF_UNIX, .sun_path = "../../../keeper.sock"};

static const char request[] = "wake\n";

/* Without waiting. Returns 0 or an errno. */
static int send_wake(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0;

	if (fd < 0 || connect(fd, (const struct sockaddr *)&keeper, sizeof(keeper)) < 0 ||
		send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
		error = errno;
	if (fd >= 0)
		close(fd);
	return error;
}

static void try_to_wake(struct wake *wake)
{
	int error = send_wake();

	/* Its queue is full. Any other error means that there is no keeper; a new one looks after all containers. */
	wake->refused = error == EAGAIN;
	clock_gettime(CLOCK_MONOTONIC, &wake->tried_at);
}

void wake_keeper(struct monitor *monitor)
{
	struct wake *wake = &monitor->wake;

	if (monitor->listener < 0 || wake->due)
		return;
	wake->due = true;
	wake->delay_ms = FIRST_DELAY_MS;
	try_to_wake(wake);
}

/* In milliseconds, rounded up: who waits so long is not early. */
static int left_until_next_try(const struct wake *wake)
{
	long long passed = milliseconds_since(&wake->tried_at);

	return passed >= wake->delay_ms ? 0 : (int)(wake->delay_ms - passed);
}

void watch_wake(struct monitor *monitor, struct watch_list *list)
{
	struct wake *wake = &monitor->wake;

	if (!wake->due)
		return;
	if (left_until_next_try(wake) == 0) {
		wake->delay_ms = wake->delay_ms < LAST_DELAY_MS / 2 ? 2 * wake->delay_ms : LAST_DELAY_MS;
		try_to_wake(wake);
	}
	wait_at_most(list, left_until_next_try(wake));
}

void forget_wake(struct monitor *monitor)
{
	monitor->wake = (struct wake){0};
}

bool is_waking(const struct monitor *monitor)
{
	return monitor->wake.due && monitor->wake.refused;
}
