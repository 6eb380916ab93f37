#ifndef LXCRI_ARGUMENTS_H
#define LXCRI_ARGUMENTS_H

#include "host/failure.h"

#include <stdbool.h>

/** What containerd, or a person, gave on the command line. A string that was not given is "". */
struct arguments {
	const char *namespace_name;
	const char *id;
	const char *bundle;
	const char *address;
	const char *publish_binary;
	const char *socket;
	const char *action;
	bool debug;
	bool version;
	bool info;
	bool help;
	bool has_more; // arguments behind the action
};

/**
 * Reads argv by the rules of Go's flag package, which containerd writes for: -x v, -x=v, --x=v, switches without a
 * value or as -x=true; flags end at the first argument that is none, or after "--". The last of two equal flags counts.
 */
int arguments_parse(int argc, char *const argv[], struct arguments *arguments, struct failure *failure);

#endif
