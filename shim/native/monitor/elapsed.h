#ifndef LXCRI_MONITOR_ELAPSED_H
#define LXCRI_MONITOR_ELAPSED_H

#include <time.h>

/* `since` is of the monotonic clock. */
static inline long long milliseconds_since(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - since->tv_sec) * 1000LL + (now.tv_nsec - since->tv_nsec) / 1000000;
}

#endif
