#ifndef LXCRI_DAEMON_LOG_H
#define LXCRI_DAEMON_LOG_H

#include "host/failure.h"
#include "host/paths.h"

#include <stddef.h>

/** A log that is larger than this when a daemon starts becomes the old one. */
#define DAEMON_LOG_LIMIT (1024 * 1024)

/** Opens the log that all daemons append to. The descriptor, or -1. */
int daemon_log_open(const struct paths *paths, struct failure *failure);

/** The last line behind `start` that is not empty, in printable ASCII, cut to `size`; "" where there is none. */
void daemon_log_last_line(const struct paths *paths, off_t start, char *text, size_t size);

void daemon_log_remove_if_empty(const struct paths *paths);

#endif
