#include "deadline.h"

#include <limits.h>
#include <time.h>

static int64_t monotonic_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

deadline deadline_in_ms(int64_t milliseconds)
{
	return monotonic_ns() + milliseconds * 1000000;
}

int64_t deadline_left_ns(deadline end)
{
	int64_t left = end - monotonic_ns();
	return left > 0 ? left : 0;
}

int deadline_left_ms(deadline end)
{
	int64_t left = (deadline_left_ns(end) + 999999) / 1000000;
	return left > INT_MAX ? INT_MAX : (int)left;
}

void deadline_sleep_us(deadline end, int64_t microseconds)
{
	int64_t length = microseconds * 1000;
	int64_t left = deadline_left_ns(end);
	if (length > left)
		length = left;
	struct timespec wait = {.tv_sec = (time_t)(length / 1000000000), .tv_nsec = (long)(length % 1000000000)};
	// A signal that cuts the sleep short does no harm: the caller looks again and sleeps again.
	nanosleep(&wait, NULL);
}
