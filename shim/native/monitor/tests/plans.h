/* Plans of the monitor, as files. */
#ifndef LXCRI_MONITOR_TESTS_PLANS_H
#define LXCRI_MONITOR_TESTS_PLANS_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "testing/check.h"

/* Writes monitor.plan in the current directory: a text in which each word ends with a bar, formatted as by printf. */
__attribute__((format(printf, 1, 2))) static inline void write_plan(const char *format, ...)
{
	static char text[1 << 20];
	va_list list;
	int size, fd;

	va_start(list, format);
	size = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	CHECK(size >= 0 && (size_t)size < sizeof(text));
	for (int i = 0; i < size; i++)
		if (text[i] == '|')
			text[i] = '\0';
	fd = open("monitor.plan", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && write(fd, text, (size_t)size) == size);
	close(fd);
}

#endif
