#ifndef LXCRI_FAILURE_H
#define LXCRI_FAILURE_H

#include <stdio.h>

/*
 * The text of what went wrong. containerd shows it to a person as the reason why a container did not start, so each
 * failure names the path or value at fault and, where there is one, the way out.
 */
struct failure {
	char text[1024];
};

/** Sets the text and answers -1, so that a function can end with `return fail(...)`. */
int fail(struct failure *failure, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** As fail(), with ": " and the meaning of errno added; errno stays. Answers -1. */
int fail_errno(struct failure *failure, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
