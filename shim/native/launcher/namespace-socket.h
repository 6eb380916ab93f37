#ifndef LXCRI_NAMESPACE_SOCKET_H
#define LXCRI_NAMESPACE_SOCKET_H

#include "deadline.h"
#include "failure.h"
#include "paths.h"

/**
 * containerd 1.6 does not say in which namespace a call is, because a shim of its own has but one. So the daemon has a
 * socket for each namespace, and knows by it. This makes sure that a daemon runs and that the namespace's
 * socket is there: the first container of a namespace asks the daemon for it, all others find it.
 *
 * `path` receives where it is. The daemon makes it by rename, so that it listens as soon as it can be seen, and
 * removes all of them before it removes its own socket; a new daemon makes those of the containers that it takes over.
 */
int ensure_namespace_socket(
	char path[PATH_MAX], const struct paths *paths, const char *namespace_name, deadline end, struct failure *failure);

#endif
