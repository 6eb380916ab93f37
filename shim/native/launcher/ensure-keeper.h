#ifndef LXCRI_ENSURE_KEEPER_H
#define LXCRI_ENSURE_KEEPER_H

#include "host/deadline.h"
#include "host/failure.h"
#include "host/paths.h"

#include <limits.h>

/**
 * Makes sure that a keeper listens for a namespace, and goes on to do so until its linger time after this call has
 * passed; `socket` receives where. Safe against any number of launchers at once, and against a keeper that is about to
 * depart: that one gives no answer any more, and frees its lock at the end.
 *
 * Where no keeper answers, the launcher that gets the lock starts one; the others wait until that one answers.
 */
int ensure_keeper(
	char socket[PATH_MAX], const struct paths *paths, const char *namespace_name, deadline end,
	struct failure *failure);

#endif
