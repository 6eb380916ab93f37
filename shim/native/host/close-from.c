#include "close-from.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// musl 1.2.3 (Debian 12) has no function for it; the number is the same on all architectures.
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static void close_all_below_limit(int first)
{
	struct rlimit limit;
	int end = 65536;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)end)
		end = (int)limit.rlim_cur;
	for (int fd = first; fd < end; fd++)
		close(fd);
}

/** For kernels before 5.9 and for sandboxes that refuse the call. */
static void close_listed(int first)
{
	DIR *directory = opendir("/proc/self/fd");
	if (!directory) {
		close_all_below_limit(first);
		return;
	}
	// Closing while reading is safe with procfs: it counts positions by descriptor number.
	for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
		int fd = atoi(entry->d_name);
		if (fd >= first && fd != dirfd(directory))
			close(fd);
	}
	closedir(directory);
}

void close_from(int first)
{
	if (syscall(SYS_close_range, (unsigned)first, ~0U, 0U) != 0)
		close_listed(first);
}
