#ifndef LXCRI_DEADLINE_H
#define LXCRI_DEADLINE_H

#include <stdint.h>

/** A moment on the monotonic clock, in nanoseconds. */
typedef int64_t deadline;

deadline deadline_in_ms(int64_t milliseconds);

/** What is left, never below zero; in milliseconds rounded up, as poll wants it. */
int deadline_left_ms(deadline end);
int64_t deadline_left_ns(deadline end);

/** Sleeps for some microseconds, but not past the deadline. */
void deadline_sleep_us(deadline end, int64_t microseconds);

#endif
