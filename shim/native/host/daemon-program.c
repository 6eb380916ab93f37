#include "daemon-program.h"

#include "file-io.h"
#include "node-program.h"

#include <unistd.h>

int daemon_program_find(
	struct daemon_program *program, char *const environment[], const char *lib_dir, struct failure *failure)
{
	if (node_find(program->node, environment, failure) != 0)
		return -1;
	if (access(program->node, X_OK) != 0)
		return fail_errno(failure, "cannot run Node.js at %s (" NODE_INSTALL_HINT ")", program->node);
	if (format_path(program->script, sizeof program->script, "%s/shim.cjs", lib_dir) != 0)
		return fail(failure, "the path %.200s is too long", lib_dir);
	if (access(program->script, R_OK) != 0)
		return fail_errno(
			failure, "cannot read the shim daemon's program %s (reinstall proxmox-lxcri)", program->script);
	return 0;
}
