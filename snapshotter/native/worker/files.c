#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "worker.h"

struct answer file_mount(const char *const *words, size_t count)
{
	(void)count;
	const char *source = words[0], *target = words[1], *type = words[2], *data = words[4];
	unsigned long flags = strtoul(words[3], NULL, 0);
	if (mount(source, target, type, flags, data) < 0)
		return answer_with(errno, "mounting %s at %s: %s", source, target, strerror(errno));
	return answer_ok();
}

struct answer file_unmount(const char *const *words, size_t count)
{
	const char *target = words[0];
	int flags = UMOUNT_NOFOLLOW | (count == 2 && strcmp(words[1], "detach") == 0 ? MNT_DETACH : 0);
	if (umount2(target, flags) < 0)
		return answer_with(errno, "unmounting %s: %s", target, strerror(errno));
	return answer_ok();
}

struct answer file_sync(const char *const *words, size_t count)
{
	(void)count;
	const char *path = words[0];
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return answer_with(errno, "%s: %s", path, strerror(errno));
	int error = syncfs(fd) < 0 ? errno : 0;
	close(fd);
	if (error)
		return answer_with(error, "writing out the file system of %s: %s", path, strerror(error));
	return answer_ok();
}

struct answer file_statfs(const char *const *words, size_t count)
{
	(void)count;
	const char *path = words[0];
	struct statfs status;
	if (statfs(path, &status) < 0)
		return answer_with(errno, "%s: %s", path, strerror(errno));
	return answer_with(
		0, "%lld %llu %llu", (long long)status.f_type, (unsigned long long)status.f_files,
		(unsigned long long)status.f_ffree);
}
