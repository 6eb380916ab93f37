#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "worker.h"

static const struct verb {
	const char *name;
	struct answer (*perform)(const char *const *words, size_t count);
	size_t least, most;
} VERBS[] = {
	/* DATASET ORIGIN [string|number PROPERTY VALUE]...: two transactions, clone and properties. */
	{"clone", zfs_clone, 2, WORDS_MAX},
	/* SNAPSHOT [string PROPERTY VALUE]...: both in one transaction. */
	{"snapshot", zfs_snapshot, 1, WORDS_MAX},
	/* POOL sync|read PROGRAM [ARGUMENT]...: a channel program; answers what it returns, as JSON. */
	{"program", zfs_program, 3, WORDS_MAX},
	/* DATASET SNAPSHOT: to that one, which must be its last. */
	{"rollback", zfs_rollback, 2, 2},
	/* POOL: waits until all that was changed before is on its disks. */
	{"sync-pool", zfs_sync, 1, 1},
	/* SOURCE TARGET TYPE FLAGS DATA, as mount(2) has them. */
	{"mount", file_mount, 5, 5},
	/* TARGET [detach] */
	{"unmount", file_unmount, 1, 2},
	/* SOURCE TARGET TYPE FLAGS DATA: makes the directory TARGET, and mounts there unless something is mounted there. */
	{"attach", mount_point_attach, 5, 5},
	/* TARGET: unmounts what is mounted there, whoever uses it, and removes the directory; neither has to be there. */
	{"release", mount_point_release, 1, 1},
	/* TARGET: writes out the file system that is mounted there, if one is. */
	{"sync-mounted", mount_point_sync, 1, 1},
	/* PATH: writes out the file system of that path. */
	{"sync", file_sync, 1, 1},
	/* PATH: answers TYPE FILES FREE-FILES, in decimal. */
	{"statfs", file_statfs, 1, 1},
	/* FROM TO: extended attributes, ACLs among them, of directories. */
	{"copy-attributes", file_copy_attributes, 2, 2},
};

struct answer answer_ok(void)
{
	return (struct answer){0, NULL};
}

struct answer answer_with(int error, const char *format, ...)
{
	struct answer answer = {error, NULL};
	va_list arguments;
	va_start(arguments, format);
	if (vasprintf(&answer.text, format, arguments) < 0)
		answer.text = NULL;
	va_end(arguments);
	return answer;
}

struct answer perform(const struct words *request)
{
	if (request->count < 2)
		return answer_with(EINVAL, "a request has a number and a verb");
	const char *name = request->at[1];
	size_t count = request->count - 2;
	for (size_t i = 0; i < sizeof(VERBS) / sizeof(VERBS[0]); i++) {
		if (strcmp(VERBS[i].name, name) != 0)
			continue;
		if (count < VERBS[i].least || count > VERBS[i].most)
			return answer_with(EINVAL, "%s does not take %zu arguments", name, count);
		return VERBS[i].perform(request->at + 2, count);
	}
	return answer_with(EINVAL, "there is no verb \"%s\"", name);
}
