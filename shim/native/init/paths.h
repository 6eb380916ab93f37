#ifndef LXCRI_INIT_PATHS_H
#define LXCRI_INIT_PATHS_H

#include <sys/types.h>

/* mkdir -p: creates what is missing. A path that exists is fine, unless it is no directory (ENOTDIR). */
int make_directories(const char *path, mode_t mode);

/* Creates an empty file, and its parents, where nothing exists. */
int make_file(const char *path);

#endif
