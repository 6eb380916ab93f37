#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libzfs-core.h"
#include "worker.h"

/* OpenZFS's defaults for `zfs program` (zfs-program(8)): 10 million instructions; memory ten times as much as there,
 * its greatest, since labels are many. */
#define INSTRUCTION_LIMIT 10000000
#define MEMORY_LIMIT (100 * 1024 * 1024)

static struct answer no_library(const char *why)
{
	return answer_with(ENOSYS, "no OpenZFS on this host: %s", why);
}

static char *list_as_json(const struct libzfs_core *zfs, const nvlist_t *list)
{
	char *text = NULL;
	size_t size;
	FILE *stream = list ? open_memstream(&text, &size) : NULL;
	if (!stream)
		return NULL;
	zfs->list_print_json(stream, list);
	fclose(stream);
	return text;
}

/* Triples: `string` or `number`, property, value. NULL: errno. */
static nvlist_t *read_properties(const struct libzfs_core *zfs, const char *const *words, size_t count)
{
	nvlist_t *list;
	errno = zfs->list_alloc(&list, NV_UNIQUE_NAME, 0);
	if (errno)
		return NULL;
	for (size_t i = 0; i + 2 < count && !errno; i += 3) {
		if (strcmp(words[i], "number") == 0)
			errno = zfs->list_add_uint64(list, words[i + 1], strtoull(words[i + 2], NULL, 10));
		else
			errno = zfs->list_add_string(list, words[i + 1], words[i + 2]);
	}
	if (!errno)
		return list;
	int error = errno;
	zfs->list_free(list);
	errno = error;
	return NULL;
}

struct answer zfs_clone(const char *const *words, size_t count)
{
	const char *why;
	const struct libzfs_core *zfs = libzfs_core_get(&why);
	if (!zfs)
		return no_library(why);
	nvlist_t *properties = read_properties(zfs, words + 2, count - 2);
	if (!properties)
		return answer_with(errno, "properties of %s: %s", words[0], strerror(errno));
	int error = zfs->clone(words[0], words[1], properties);
	zfs->list_free(properties);
	if (error)
		return answer_with(error, "cloning %s as %s: %s", words[1], words[0], strerror(error));
	return answer_ok();
}

struct answer zfs_snapshot(const char *const *words, size_t count)
{
	const char *why;
	const struct libzfs_core *zfs = libzfs_core_get(&why);
	if (!zfs)
		return no_library(why);
	nvlist_t *properties = read_properties(zfs, words + 1, count - 1), *snapshots = NULL, *errors = NULL;
	int error = properties ? zfs->list_alloc(&snapshots, NV_UNIQUE_NAME, 0) : errno;
	if (!error)
		error = zfs->list_add_boolean(snapshots, words[0]);
	if (!error)
		error = zfs->snapshot(snapshots, properties, &errors);
	zfs->list_free(properties);
	zfs->list_free(snapshots);
	zfs->list_free(errors);
	if (error)
		return answer_with(error, "snapshot %s: %s", words[0], strerror(error));
	return answer_ok();
}

/* The arguments are the program's `argv`, as `zfs program` passes them. */
static nvlist_t *program_arguments(const struct libzfs_core *zfs, const char *const *words, size_t count)
{
	nvlist_t *list;
	errno = zfs->list_alloc(&list, NV_UNIQUE_NAME, 0);
	if (errno)
		return NULL;
	errno = zfs->list_add_strings(list, "argv", words, (unsigned)count);
	if (!errno)
		return list;
	int error = errno;
	zfs->list_free(list);
	errno = error;
	return NULL;
}

struct answer zfs_program(const char *const *words, size_t count)
{
	const char *why;
	const struct libzfs_core *zfs = libzfs_core_get(&why);
	if (!zfs)
		return no_library(why);
	nvlist_t *arguments = program_arguments(zfs, words + 3, count - 3), *result = NULL;
	if (!arguments)
		return answer_with(errno, "arguments of a channel program: %s", strerror(errno));
	int (*run)(const char *, const char *, uint64_t, uint64_t, nvlist_t *, nvlist_t **) =
		strcmp(words[1], "sync") == 0 ? zfs->program : zfs->program_nosync;
	struct answer answer = {0, NULL};
	answer.error = run(words[0], words[2], INSTRUCTION_LIMIT, MEMORY_LIMIT, arguments, &result);
	answer.text = list_as_json(zfs, result);
	zfs->list_free(arguments);
	zfs->list_free(result);
	if (answer.error && !answer.text)
		return answer_with(answer.error, "channel program in %s: %s", words[0], strerror(answer.error));
	return answer;
}

struct answer zfs_rollback(const char *const *words, size_t count)
{
	(void)count;
	const char *why;
	const struct libzfs_core *zfs = libzfs_core_get(&why);
	if (!zfs)
		return no_library(why);
	int error = zfs->rollback_to(words[0], words[1]);
	if (error)
		return answer_with(error, "rolling %s back to %s: %s", words[0], words[1], strerror(error));
	return answer_ok();
}

struct answer zfs_sync(const char *const *words, size_t count)
{
	(void)count;
	const char *why;
	const struct libzfs_core *zfs = libzfs_core_get(&why);
	if (!zfs)
		return no_library(why);
	nvlist_t *options;
	int error = zfs->list_alloc(&options, NV_UNIQUE_NAME, 0);
	/* Without force: a pool with nothing to write is not written to. */
	if (!error)
		error = zfs->list_add_boolean_value(options, "force", 0);
	if (!error)
		error = zfs->sync(words[0], options, NULL);
	zfs->list_free(options);
	if (error)
		return answer_with(error, "syncing pool %s: %s", words[0], strerror(error));
	return answer_ok();
}
