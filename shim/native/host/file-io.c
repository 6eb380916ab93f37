#include "file-io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

int write_all(int fd, const void *data, size_t size)
{
	const char *next = data;
	while (size > 0) {
		ssize_t written = write(fd, next, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		next += written;
		size -= (size_t)written;
	}
	return 0;
}

ssize_t read_all(int fd, void *buffer, size_t size)
{
	size_t used = 0;
	while (used < size) {
		ssize_t got = read(fd, (char *)buffer + used, size - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		used += (size_t)got;
	}
	return (ssize_t)used;
}

ssize_t read_small_file(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t got = read_all(fd, buffer, size);
	int error = errno;
	close(fd);
	if (got < 0) {
		errno = error;
		return -1;
	}
	if ((size_t)got == size) {
		errno = EFBIG;
		return -1;
	}
	buffer[got] = '\0';
	return got;
}

/** Creates a file that is not there yet, or that a killed predecessor has left; never writes through a link. */
static int create_afresh(const char *path)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
	int fd = open(path, flags, 0600);
	if (fd < 0 && errno == EEXIST && unlink(path) == 0)
		fd = open(path, flags, 0600);
	return fd;
}

int replace_file(const char *path, const void *data, size_t size)
{
	// Its own name for each process: two that write the same file at once shall not take it from each other.
	char temp[PATH_MAX];
	if (format_path(temp, sizeof temp, "%s.%ld.new", path, (long)getpid()) != 0)
		return -1;
	int fd = create_afresh(temp);
	if (fd < 0)
		return -1;
	int result = write_all(fd, data, size);
	int error = errno;
	// tmpfs and most others report a full disk from write, NFS and quotas only from close.
	if (close(fd) != 0 && result == 0 && errno != EINTR) {
		result = -1;
		error = errno;
	}
	if (result == 0) {
		result = rename(temp, path);
		error = errno;
	}
	if (result != 0)
		unlink(temp);
	errno = error;
	return result;
}

bool file_exists(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, 0) == 0;
}

int format_path(char *buffer, size_t size, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int used = vsnprintf(buffer, size, format, args);
	va_end(args);
	if (used < 0 || (size_t)used >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

int hold_standard_descriptors(void)
{
	struct pollfd standard[3] = {{.fd = 0}, {.fd = 1}, {.fd = 2}};
	if (poll(standard, 3, 0) < 0)
		return 0;
	for (int fd = 0; fd < 3; fd++) {
		// The lowest free number is what open answers: going upwards fills each hole with itself.
		if ((standard[fd].revents & POLLNVAL) && open("/dev/null", O_RDWR) < 0)
			return -1;
	}
	return 0;
}
