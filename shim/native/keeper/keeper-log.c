#include "keeper-log.h"

#include "host/file-io.h"
#include "keeper.h"
#include "log-file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

void keeper_log(const struct keeper *keeper, const char *format, ...)
{
	char line[2048];
	struct timespec now;
	struct tm time;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &time);
	size_t used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &time);
	used += (size_t)snprintf(line + used, sizeof line - used, ".%03ldZ ", now.tv_nsec / 1000000);
	va_list args;
	va_start(args, format);
	int length = vsnprintf(line + used, sizeof line - used - 1, format, args);
	va_end(args);
	used += length < 0 ? 0 : (size_t)length;
	if (used > sizeof line - 2)
		used = sizeof line - 2;
	line[used++] = '\n';
	int fd = log_file_open(keeper->paths.keeper_log, keeper->paths.keeper_log_old, KEEPER_LOG_LIMIT);
	if (fd < 0)
		return;
	// There is nobody to be told that a log could not be written.
	if (write_all(fd, line, used) != 0)
		errno = 0;
	close(fd);
}
