/* A profile on its way to a program. */
#ifndef LXCRI_SECCOMP_FILTER_H
#define LXCRI_SECCOMP_FILTER_H

#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_MAX_ARCHITECTURES 32
#define FILTER_MAX_ARGUMENTS 6

/* One architecture of the filter, and the highest system call that the profile names there. */
struct architecture {
	uint32_t token;
	int highest; /* -1: none */
};

struct filter {
	scmp_filter_ctx context;
	uint32_t default_action;
	struct architecture architectures[FILTER_MAX_ARCHITECTURES];
	size_t architecture_count;

	/* The rule that is being read. */
	uint32_t action;
	struct scmp_arg_cmp arguments[FILTER_MAX_ARGUMENTS];
	size_t argument_count;

	const char *field; /* where in config.json */
	char failure[256];
};

/* profile.c: reads a plan; its operations are described there. Returns 0, or -1 with `failure`. */
int read_profile(struct filter *filter, int fd);

/* program.c: in hexadecimal, as the init's plan takes it */
int write_program(struct filter *filter, int fd);

/* Records what failed and why (a negative errno of libseccomp), and returns -1. */
int filter_fail(struct filter *filter, const char *what, int error);

#endif
