#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "monitor.h"

int monitor_fail(struct monitor *monitor, const char *format, ...)
{
	va_list list;

	if (monitor->failed)
		return -1;
	monitor->failed = true;
	monitor->failure.error = errno;
	va_start(list, format);
	vsnprintf(monitor->failure.text, sizeof(monitor->failure.text), format, list);
	va_end(list);
	return -1;
}
