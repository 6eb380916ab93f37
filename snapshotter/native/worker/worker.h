/*
 * What the daemon cannot do from Node: mount(2), syncfs(2), statfs(2), flock(2), and OpenZFS's library, each without a
 * process. The verbs are in verbs.c.
 */
#ifndef LAYERFS_WORKER_H
#define LAYERFS_WORKER_H

#include "words.h"

struct answer {
	int error;  /* errno; 0 for success */
	char *text; /* the result, or what went wrong; from malloc, or NULL for none */
};

/* Does what a request says. Runs in a thread of its own. */
struct answer perform(const struct words *request);

/* With a text, of success or failure. */
__attribute__((format(printf, 2, 3))) struct answer answer_with(int error, const char *format, ...);
struct answer answer_ok(void);

/* zfs.c; `words` are the arguments that follow the verb, as many as verbs.c allows. */
struct answer zfs_clone(const char *const *words, size_t count);
struct answer zfs_snapshot(const char *const *words, size_t count);
struct answer zfs_program(const char *const *words, size_t count);
struct answer zfs_rollback(const char *const *words, size_t count);
struct answer zfs_sync(const char *const *words, size_t count);

/* files.c */
struct answer file_mount(const char *const *words, size_t count);
struct answer file_unmount(const char *const *words, size_t count);
struct answer file_sync(const char *const *words, size_t count);
struct answer file_statfs(const char *const *words, size_t count);

/* mount-points.c */
struct answer mount_point_attach(const char *const *words, size_t count);
struct answer mount_point_release(const char *const *words, size_t count);
struct answer mount_point_sync(const char *const *words, size_t count);

/* attributes.c */
struct answer file_copy_attributes(const char *const *words, size_t count);

#endif
