#ifndef LXCRI_LOG_FILE_H
#define LXCRI_LOG_FILE_H

#include <sys/types.h>

/** Opens a log to write to its end; one of more than `limit` bytes becomes `old_path` first. A descriptor, or -1. */
int log_file_open(const char *path, const char *old_path, off_t limit);

#endif
