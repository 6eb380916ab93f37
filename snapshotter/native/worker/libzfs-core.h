/*
 * The part of OpenZFS's committed library interface that the worker calls (libzfs_core.h, sys/nvpair.h), looked up when
 * first needed: so this program is built without OpenZFS, and runs on hosts that have none.
 */
#ifndef LAYERFS_LIBZFS_CORE_H
#define LAYERFS_LIBZFS_CORE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct nvlist nvlist_t;

/* sys/nvpair.h: names in a list are unique. */
#define NV_UNIQUE_NAME 1

struct libzfs_core {
	int (*core_init)(void);
	int (*clone)(const char *dataset, const char *origin, nvlist_t *properties);
	int (*snapshot)(nvlist_t *snapshots, nvlist_t *properties, nvlist_t **errors);
	int (*program)(
		const char *pool, const char *program, uint64_t instruction_limit, uint64_t memory_limit, nvlist_t *arguments,
		nvlist_t **result);
	int (*program_nosync)(
		const char *pool, const char *program, uint64_t instruction_limit, uint64_t memory_limit, nvlist_t *arguments,
		nvlist_t **result);
	int (*rollback_to)(const char *dataset, const char *snapshot);
	int (*sync)(const char *pool, nvlist_t *arguments, nvlist_t **result);

	int (*list_alloc)(nvlist_t **list, unsigned flags, int wait);
	void (*list_free)(nvlist_t *list);
	int (*list_add_boolean)(nvlist_t *list, const char *name);
	/* The library's boolean_t is an enum. */
	int (*list_add_boolean_value)(nvlist_t *list, const char *name, int value);
	int (*list_add_string)(nvlist_t *list, const char *name, const char *value);
	int (*list_add_uint64)(nvlist_t *list, const char *name, uint64_t value);
	int (*list_add_strings)(nvlist_t *list, const char *name, const char *const *values, unsigned count);
	int (*list_add_list)(nvlist_t *list, const char *name, const nvlist_t *value);
	int (*list_print_json)(FILE *stream, const nvlist_t *list);
};

/* NULL if this host has no usable OpenZFS; `*why` then says so. May be called from any thread. */
const struct libzfs_core *libzfs_core_get(const char **why);

#endif
