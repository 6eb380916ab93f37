#ifndef LXCRI_KEEPER_CALL_H
#define LXCRI_KEEPER_CALL_H

#include "host/deadline.h"
#include "host/failure.h"
#include "host/paths.h"

#include <limits.h>

enum keeper_answer {
	KEEPER_ANSWERED,
	KEEPER_REFUSED, // with the failure's text
	KEEPER_ABSENT   // nobody listens, or whoever did has gone, or the time is up
};

/** Asks for the socket of a namespace; `socket` receives its path. */
enum keeper_answer keeper_call_listen(
	char socket[PATH_MAX], const struct paths *paths, const char *namespace_name, deadline end,
	struct failure *failure);

/** Has the daemon replaced by that of this program's build. Returns when that serves, or the old one goes on. */
enum keeper_answer keeper_call_replace(const struct paths *paths, deadline end, struct failure *failure);

#define KEEPER_STATUS_MAX 1024

/** What the keeper says of itself and its daemon: lines of a name and a value. */
enum keeper_answer
keeper_call_status(char text[KEEPER_STATUS_MAX], const struct paths *paths, deadline end, struct failure *failure);

#endif
