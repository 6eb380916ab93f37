/*
 * The filter that the daemon has had compiled (shim/native/seccomp). Without no_new_privs only CAP_SYS_ADMIN may load
 * one; so the init keeps that capability, permitted but not in effect, until it does so as the last thing but one. What
 * the filter must allow is then little: capset and execve.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/kernel.h"
#include "../common/plan.h"
#include "setup.h"

#define SECCOMP_SET_MODE_FILTER 1
#define MAX_INSTRUCTIONS 4096 /* BPF_MAXINSNS */

static int digit(char character)
{
	const char *const digits = "0123456789abcdef";
	const char *found = character ? strchr(digits, character) : NULL;

	return found ? (int)(found - digits) : -1;
}

static int decode(const char *text, unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);

		if (low < 0) {
			errno = EPROTO;
			return -1;
		}
		bytes[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}

/* seccomp FLAGS PROGRAM: those of seccomp(2), and BPF instructions in hexadecimal */
int op_seccomp(void *context, char **arguments)
{
	struct setup *setup = context;
	size_t size = strlen(arguments[1]) / 2;

	if (plan_u32(arguments[0], &setup->filter_flags) < 0)
		return -1;
	if (size == 0 || size % sizeof(struct lxcri_instruction) ||
		size / sizeof(struct lxcri_instruction) > MAX_INSTRUCTIONS) {
		errno = EPROTO;
		return -1;
	}
	/* Kept until the filter is loaded. */
	setup->filter = malloc(size);
	setup->filter_length = size / sizeof(struct lxcri_instruction);
	return setup->filter ? decode(arguments[1], (unsigned char *)setup->filter, size) : -1;
}

static int load(const struct setup *setup)
{
	const struct lxcri_program program = {(unsigned short)setup->filter_length, setup->filter};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, setup->filter_flags, &program);
}

int load_filter(struct setup *setup)
{
	if (!setup->filter)
		return 0;
	if (!setup->no_new_privileges && raise_loading_capability(setup) < 0)
		return -1;
	if (load(setup) < 0) {
		setup->field = "linux.seccomp";
		return setup_fail(setup, "cannot load the filter: %s", strerror(errno));
	}
	return setup->no_new_privileges ? 0 : drop_loading_capability(setup);
}
