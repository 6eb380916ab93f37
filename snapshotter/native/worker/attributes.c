#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "worker.h"

/* What the kernel allows at most: XATTR_LIST_MAX, XATTR_SIZE_MAX. */
#define LIST_MAX 65536
#define VALUE_MAX 65536

struct space {
	char list[LIST_MAX];
	char value[VALUE_MAX];
};

/* What overlayfs notes for itself says something of that one directory. */
static int is_overlays(const char *name)
{
	static const char *const PREFIXES[] = {"trusted.overlay.", "user.overlay."};
	for (size_t i = 0; i < sizeof(PREFIXES) / sizeof(PREFIXES[0]); i++) {
		if (strncmp(name, PREFIXES[i], strlen(PREFIXES[i])) == 0)
			return 1;
	}
	return 0;
}

static struct answer copy_all(int from, int to, const char *target, struct space *space)
{
	ssize_t length = flistxattr(from, space->list, sizeof(space->list));
	if (length < 0)
		return errno == ENOTSUP ? answer_ok() : answer_with(errno, "%s: %s", target, strerror(errno));
	for (const char *name = space->list; name < space->list + length; name += strlen(name) + 1) {
		if (is_overlays(name))
			continue;
		ssize_t size = fgetxattr(from, name, space->value, sizeof(space->value));
		/* Gone meanwhile. */
		if (size < 0 && errno == ENODATA)
			continue;
		if (size < 0 || fsetxattr(to, name, space->value, (size_t)size, 0) < 0)
			return answer_with(errno, "attribute %s of %s: %s", name, target, strerror(errno));
	}
	return answer_ok();
}

struct answer file_copy_attributes(const char *const *words, size_t count)
{
	(void)count;
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int from = open(words[0], flags);
	if (from < 0)
		return answer_with(errno, "%s: %s", words[0], strerror(errno));
	int to = open(words[1], flags);
	if (to < 0) {
		int error = errno;
		close(from);
		return answer_with(error, "%s: %s", words[1], strerror(error));
	}
	struct space *space = malloc(sizeof(*space));
	struct answer answer = space == NULL ? answer_with(ENOMEM, "no memory") : copy_all(from, to, words[1], space);
	free(space);
	close(from);
	close(to);
	return answer;
}
