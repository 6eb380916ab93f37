#ifndef LXCRI_DAEMON_LOG_H
#define LXCRI_DAEMON_LOG_H

#include "failure.h"
#include "paths.h"

#include <stdbool.h>

/** A log that is larger than this when a daemon starts becomes the old one. */
#define DAEMON_LOG_LIMIT (1024 * 1024)

/** Opens the log that all daemons append to. The descriptor, or -1. */
int daemon_log_open(const struct paths *paths, bool *is_new, struct failure *failure);

void daemon_log_remove_if_empty(const struct paths *paths);

#endif
