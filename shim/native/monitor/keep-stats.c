/*
 * What a container used is asked for when it has ended, too, and its cgroup is gone by then. The file `last-stats` has
 * the files that the plan names: for each its name and what it says, both with a NUL behind them.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "monitor.h"

/* memory.stat has some 2 KB, the counts of single CPUs more on large machines. */
#define KEPT_FILE_MAX 16384

static bool keep(int to, const struct kept_file *kept)
{
	static char text[KEPT_FILE_MAX];
	size_t name = strlen(kept->name) + 1, length = 0;
	int fd = open(kept->path, O_RDONLY | O_CLOEXEC);
	ssize_t size;

	if (fd < 0)
		return true; /* not every kernel has every file */
	while (length < sizeof(text) - 1 && (size = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)size;
	close(fd);
	text[length] = '\0';
	return write(to, kept->name, name) == (ssize_t)name && write(to, text, length + 1) == (ssize_t)length + 1;
}

/* A full disk has no room for it: then nobody knows. */
void keep_stats(const struct monitor *monitor)
{
	bool whole = true;
	int fd;

	if (monitor->init.failed || !monitor->kept_count)
		return;
	fd = open("last-stats.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	for (size_t i = 0; whole && i < monitor->kept_count; i++)
		whole = keep(fd, &monitor->kept[i]);
	close(fd);
	if (!whole || rename("last-stats.new", "last-stats") < 0)
		unlink("last-stats.new");
}
