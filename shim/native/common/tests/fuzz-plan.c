/*
 * Reads any bytes as a plan. What is accepted must be the words between the NULs, all of them and nothing else, and
 * whatever is said to be a number must be one.
 */
#include "plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int condition)
{
	if (!condition)
		abort();
}

/* A number reads as its word, but for leading zeros. */
static void check_number(const char *word)
{
	const char *digits = word + strspn(word, "0");
	char written[32];
	uint64_t wide;
	uint32_t narrow;

	if (plan_u64(word, &wide) == 0) {
		snprintf(written, sizeof(written), "%" PRIu64, wide);
		demand(strcmp(written, *digits ? digits : "0") == 0);
		demand((plan_u32(word, &narrow) == 0) == (wide <= UINT32_MAX));
	}
	if (plan_hex64(word, &wide) == 0) {
		snprintf(written, sizeof(written), "%" PRIx64, wide);
		demand(strcmp(written, *digits ? digits : "0") == 0);
	}
}

static int check_arguments(void *context, char **arguments)
{
	size_t *seen = context;

	for (int i = 0; arguments[i]; i++) {
		*seen += strlen(arguments[i]) + 1;
		check_number(arguments[i]);
	}
	return 0;
}

static const struct plan_operation operations[] = {
	{"a", 0, check_arguments},
	{"b", 1, check_arguments},
	{"c", PLAN_MAX_ARGUMENTS - 1, check_arguments},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("plan", MFD_CLOEXEC);
	struct plan plan;
	size_t seen = 0;

	demand(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
	if (plan_read(&plan, fd) < 0) {
		demand(size == 0 || data[size - 1] != '\0');
		close(fd);
		return 0;
	}
	for (char *word = plan_next(&plan); word; word = plan_next(&plan)) {
		demand(memcmp(word, data + seen, strlen(word) + 1) == 0);
		seen += strlen(word) + 1;
		check_number(word);
	}
	demand(seen == size);
	plan.offset = seen = 0;
	if (plan_run(&plan, operations, sizeof(operations) / sizeof(operations[0]), &seen) == 0)
		demand(seen <= size);
	plan_free(&plan);
	close(fd);
	return 0;
}
