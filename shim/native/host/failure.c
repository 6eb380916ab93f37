#include "failure.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

int fail(struct failure *failure, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(failure->text, sizeof failure->text, format, args);
	va_end(args);
	return -1;
}

int fail_errno(struct failure *failure, const char *format, ...)
{
	int error = errno;
	va_list args;
	va_start(args, format);
	int used = vsnprintf(failure->text, sizeof failure->text, format, args);
	va_end(args);
	if (used >= 0 && (size_t)used < sizeof failure->text)
		snprintf(failure->text + used, sizeof failure->text - (size_t)used, ": %s", strerror(error));
	errno = error;
	return -1;
}
