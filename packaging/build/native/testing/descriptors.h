/* What a test has open: to show that nothing is left open. */
#ifndef LXCRI_TESTING_DESCRIPTORS_H
#define LXCRI_TESTING_DESCRIPTORS_H

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

/* How many descriptors this process has. */
static inline int count_descriptors(void)
{
	DIR *stream = opendir("/proc/self/fd");
	int count = -1; /* the directory's own */

	CHECK(stream);
	for (struct dirent *entry = readdir(stream); entry; entry = readdir(stream))
		if (entry->d_name[0] != '.')
			count++;
	closedir(stream);
	return count;
}

static inline bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static inline bool is_close_on_exec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	CHECK(flags >= 0);
	return flags & FD_CLOEXEC;
}

/* A file in memory with this content. */
static inline int file_with(const void *data, size_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

#endif
