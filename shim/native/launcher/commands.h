#ifndef LXCRI_COMMANDS_H
#define LXCRI_COMMANDS_H

#include "arguments.h"
#include "host/failure.h"

/* What the program can do. Each answers 0, or -1 with the failure's text. */

/** Makes sure that a keeper listens and prints the namespace's address, for containerd to connect to. */
int command_start(const struct arguments *arguments, struct failure *failure);

/** Cleans up after a container whose connection has closed, and prints a DeleteResponse. */
int command_delete(const struct arguments *arguments, struct failure *failure);

/** Prints a RuntimeInfo. `program` is the name under which this was called. */
int command_info(const char *program, struct failure *failure);

/** Has the daemon replaced by that of the installed build; without a keeper there is nothing to do. */
int command_reload(const struct arguments *arguments, struct failure *failure);

/** Prints what the keeper says of itself and of its daemon. */
int command_status(const struct arguments *arguments, struct failure *failure);

int command_version(const char *program, struct failure *failure);
int command_help(const char *program, struct failure *failure);

/** For the commands: puts text on stdout. */
int print_text(const char *text, struct failure *failure);

#endif
