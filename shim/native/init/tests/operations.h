/* Carrying out single operations of a plan. */
#ifndef LXCRI_INIT_TESTS_OPERATIONS_H
#define LXCRI_INIT_TESTS_OPERATIONS_H

#include <errno.h>
#include <stdarg.h>

#include "setup.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"

static struct setup setup;

/* Runs the plan that is these words, ended by NULL; what there was of an earlier one is forgotten. 0, or errno. */
__attribute__((sentinel)) static inline int operate(const char *first, ...)
{
	static char plan[65536];
	size_t size = 0;
	va_list words;

	va_start(words, first);
	for (const char *word = first; word; word = va_arg(words, const char *)) {
		CHECK(size + strlen(word) + 1 < sizeof(plan));
		strcpy(plan + size, word);
		size += strlen(word) + 1;
	}
	va_end(words);
	setup.failure[0] = '\0';
	setup.fds[SETUP_PLAN] = file_with(plan, size);
	return run_setup_plan(&setup) == 0 ? 0 : errno;
}

/* Operations alone are no plan: there is nothing to execute. */
#define OPERATE(...) operate("field", "the.field", __VA_ARGS__, "arg", "program", NULL)

/* What the monitor would be told now. */
static inline const char *failure_text(int error)
{
	static struct gate_failure failure;

	errno = error;
	failure = describe_failure(&setup);
	return failure.text;
}

#endif
