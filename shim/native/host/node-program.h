#ifndef LXCRI_NODE_PROGRAM_H
#define LXCRI_NODE_PROGRAM_H

#include "failure.h"

#include <limits.h>

#define NODE_INSTALL_HINT "install it (apt install nodejs, version 20.19 or newer), or set LXCRI_NODE to its path"

#define NODE_FLAGS_MAX 15

/** V8 and Node flags that every daemon gets, before the script's name. NULL-terminated. */
extern const char *const node_flags[NODE_FLAGS_MAX + 1];

/**
 * Finds Node.js: LXCRI_NODE, else Debian's /usr/bin/node, else the first node in PATH. Only looks: whether the
 * file can run is for exec to say.
 */
int node_find(char path[PATH_MAX], char *const environment[], struct failure *failure);

#endif
