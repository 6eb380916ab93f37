/* What is told of a failure, to the monitor and by the exit status. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "setup.h"

/* Exit statuses of a payload that never ran, as a shell gives them; see also EXIT_SETUP_FAILED. */
#define EXIT_CANNOT_EXECUTE 126
#define EXIT_NOT_FOUND 127

int setup_fail(struct setup *setup, const char *format, ...)
{
	int saved = errno;
	va_list list;

	va_start(list, format);
	vsnprintf(setup->failure, sizeof(setup->failure), format, list);
	va_end(list);
	errno = saved;
	return -1;
}

struct gate_failure describe_failure(const struct setup *setup)
{
	struct gate_failure failure = {.error = errno};
	const char *text = setup->failure[0] ? setup->failure : strerror(errno);
	bool about_payload = setup->field && strcmp(setup->field, "process.args[0]") == 0;

	if (setup->field && !about_payload)
		snprintf(failure.text, sizeof(failure.text), "%.128s: %.800s", setup->field, text);
	else
		snprintf(failure.text, sizeof(failure.text), "%.1000s", text);
	return failure;
}

int exit_status_of(int error)
{
	return error == ENOENT || error == ENOTDIR ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
}
