#include "node-program.h"

#include "daemon-environment.h"
#include "file-io.h"

#include <string.h>
#include <unistd.h>

const char *const node_flags[NODE_FLAGS_MAX + 1] = {
	// Half-spaces of 1 MB in place of 16: the daemon keeps little alive, and a small nursery stays in the cache.
	"--max-semi-space-size=1",
	// No worker threads for V8's own background work: it parses one bundle once, and threads cost stacks.
	"--v8-pool-size=0",
	NULL,
};

static int find_in_path(char path[PATH_MAX], const char *search)
{
	while (search && *search) {
		size_t length = strcspn(search, ":");
		// A relative entry would mean another file once the daemon has changed its directory.
		if (*search == '/' && format_path(path, PATH_MAX, "%.*s/node", (int)length, search) == 0 &&
			access(path, X_OK) == 0)
			return 0;
		search += length;
		search += *search == ':';
	}
	return -1;
}

int node_find(char path[PATH_MAX], char *const environment[], struct failure *failure)
{
	const char *chosen = environment_value(environment, "LXCRI_NODE");
	if (chosen && *chosen) {
		if (*chosen != '/')
			return fail(failure, "LXCRI_NODE must be an absolute path, not \"%.200s\"", chosen);
		if (format_path(path, PATH_MAX, "%s", chosen) != 0)
			return fail(failure, "LXCRI_NODE \"%.200s...\" is too long", chosen);
		return 0;
	}
	if (access("/usr/bin/node", X_OK) == 0)
		return format_path(path, PATH_MAX, "/usr/bin/node");
	if (find_in_path(path, environment_value(environment, "PATH")) == 0)
		return 0;
	return fail(failure, "Node.js is neither at /usr/bin/node nor in PATH: " NODE_INSTALL_HINT);
}
