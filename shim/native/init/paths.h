/*
 * Paths of the container, opened by the init while it has all privileges. After pivot_root every path stays inside,
 * with one exception: the magic links of /proc (/proc/PID/root, /proc/self/fd/N) lead to wherever a process is, and an
 * image may hold links to them. Nothing here follows those: they fail with ELOOP.
 */
#ifndef LXCRI_INIT_PATHS_H
#define LXCRI_INIT_PATHS_H

#include <stddef.h>
#include <sys/types.h>

/* open(2), close-on-exec. */
int open_inside(const char *path, int flags);

/*
 * A file of the kernel's: `path` is relative to /proc, which must be procfs itself; what an image or a volume has laid
 * on the way there is not followed (EXDEV, ELOOP; CVE-2019-16884, CVE-2025-52881).
 */
int open_in_proc(const char *path, int flags);

/*
 * mkdir -p, also through links to nowhere, and the directory's descriptor (O_PATH). A path that exists is fine, unless
 * it is no directory (ENOTDIR).
 */
int open_directory(const char *path, mode_t mode);

/* A file's descriptor; it is created empty, and its parents too, where nothing exists. No directory (EISDIR). */
int open_file(const char *path);

/* The directory that holds `path`, made if it is missing, and the name in it. */
int open_parent(const char *path, const char **name);

/* strerror, with ELOOP in the words of this file. */
const char *path_error(int error);

#endif
