/*
 * containerd-shim-lxcri-v1: the program that containerd runs for each container. It does next to nothing itself,
 * because it runs twice per container and Node takes a hundred times as long to start: one shim daemon, in Node, serves
 * all containers of the host behind one keeper, and this program makes sure that the keeper listens (start), or asks
 * the daemon to clean up (delete).
 */

#include "arguments.h"
#include "commands.h"
#include "host/file-io.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static int run(const char *program, const struct arguments *arguments, struct failure *failure)
{
	if (arguments->help)
		return command_help(program, failure);
	if (arguments->version)
		return command_version(program, failure);
	if (arguments->info)
		return command_info(program, failure);
	if (strcmp(arguments->action, "start") == 0)
		return command_start(arguments, failure);
	if (strcmp(arguments->action, "delete") == 0)
		return command_delete(arguments, failure);
	if (strcmp(arguments->action, "reload") == 0)
		return command_reload(arguments, failure);
	if (strcmp(arguments->action, "status") == 0)
		return command_status(arguments, failure);
	if (*arguments->action)
		return fail(
			failure, "unknown action \"%.200s\": there are start, delete, status and reload (see --help)",
			arguments->action);
	return fail(failure, "an action is missing: for people there are status and reload (see --help)");
}

int main(int argc, char *argv[])
{
	const char *program = argc > 0 && argv[0][0] ? base_name(argv[0]) : "containerd-shim-lxcri-v1";
	struct arguments arguments;
	struct failure failure;
	// A reader of our output that has gone is an error to report, not a reason to die half-way.
	signal(SIGPIPE, SIG_IGN);
	if (hold_standard_descriptors() != 0)
		return 1;
	if (arguments_parse(argc, argv, &arguments, &failure) == 0 && run(program, &arguments, &failure) == 0)
		return 0;
	dprintf(STDERR_FILENO, "%s: %s\n", program, failure.text);
	return 1;
}
