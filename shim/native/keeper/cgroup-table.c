#include "cgroup-table.h"

#include "host/file-io.h"

#include <string.h>

bool cgroup_membership_parse(char *line, struct cgroup_membership *membership)
{
	// hierarchy-id:controllers:path, where only the path may hold further colons
	char *controllers = strchr(line, ':');
	char *path = controllers ? strchr(controllers + 1, ':') : NULL;
	if (!path || path[1] != '/')
		return false;
	*path = '\0';
	membership->controllers = controllers + 1;
	membership->path = path + 1;
	return true;
}

/** Replaces \040 and the like, which mountinfo writes for blanks, tabs, newlines and backslashes. */
static void unescape_octal(char *text)
{
	char *out = text;
	for (const char *in = text; *in; in++) {
		if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' && in[3] >= '0' &&
			in[3] <= '7') {
			*out++ = (char)((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
			in += 3;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
}

/** Cuts the next blank-separated word off the front of *rest; NULL where there is none. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " ");
	if (!*word)
		return NULL;
	char *end = word + strcspn(word, " ");
	*rest = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

void cgroup_mounts_add(struct cgroup_mounts *mounts, char *line)
{
	// id parent major:minor root point options [tags...] - type source super-options
	char *second = strstr(line, " - cgroup");
	if (!second || mounts->count == CGROUP_MOUNTS_MAX)
		return;
	*second = '\0';
	second += 3;
	char *root = NULL;
	for (int i = 0; i < 4; i++)
		root = next_word(&line);
	char *point = next_word(&line);
	const char *type = next_word(&second);
	const char *source = next_word(&second);
	const char *options = next_word(&second);
	if (!root || !point || !type || !source || !options)
		return;
	bool unified = strcmp(type, "cgroup2") == 0;
	if (!unified && strcmp(type, "cgroup") != 0)
		return;
	unescape_octal(root);
	unescape_octal(point);
	struct cgroup_mount *mount = &mounts->mounts[mounts->count];
	if (format_path(mount->root, sizeof mount->root, "%s", root) != 0 ||
		format_path(mount->point, sizeof mount->point, "%s", point) != 0 ||
		format_path(mount->options, sizeof mount->options, "%s", options) != 0)
		return;
	mount->unified = unified;
	mounts->count++;
}

bool list_holds(const char *list, const char *word, size_t length)
{
	for (;;) {
		size_t item = strcspn(list, ",");
		if (item == length && memcmp(list, word, length) == 0)
			return true;
		if (!list[item])
			return false;
		list += item + 1;
	}
}

const struct cgroup_mount *
cgroup_mounts_find(const struct cgroup_mounts *mounts, const struct cgroup_membership *membership)
{
	bool unified = membership->controllers[0] == '\0';
	// Controllers that share a hierarchy are mounted together: the first one names it.
	size_t length = strcspn(membership->controllers, ",");
	for (size_t i = 0; i < mounts->count; i++) {
		const struct cgroup_mount *mount = &mounts->mounts[i];
		if (mount->unified != unified)
			continue;
		if (unified || list_holds(mount->options, membership->controllers, length))
			return mount;
	}
	return NULL;
}
