/* What people ask the keeper, as containerd's operators do, and systemd by `systemctl reload`. */
#include "commands.h"

#include "host/file-io.h"
#include "host/paths.h"
#include "keeper-call.h"
#include "keeper-lock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A new daemon has a minute to load, and the old one a few seconds to end.
#define RELOAD_LIMIT_MS 90000
#define STATUS_LIMIT_MS 5000

static int check_no_more(const struct arguments *arguments, struct failure *failure)
{
	return arguments->has_more ? fail(failure, "%s takes no arguments (see --help)", arguments->action) : 0;
}

static bool may_ask(const struct paths *paths, struct failure *failure)
{
	if (access(paths->keeper_socket, W_OK) == 0 || errno != EACCES)
		return true;
	fail(failure, "%s is for root alone: try with sudo", paths->keeper_socket);
	return false;
}

static int fail_silent(const struct paths *paths, struct failure *failure)
{
	return fail(
		failure, "the keeper does not answer on %s: its log %s may say why", paths->keeper_socket, paths->keeper_log);
}

int command_reload(const struct arguments *arguments, struct failure *failure)
{
	static struct paths paths;
	if (check_no_more(arguments, failure) != 0 || paths_init(&paths, getenv("LXCRI_RUN_DIR"), failure) != 0 ||
		paths_find_lib_dir(&paths, failure) != 0)
		return -1;
	enum keeper_answer answer = keeper_call_replace(&paths, deadline_in_ms(RELOAD_LIMIT_MS), failure);
	if (answer == KEEPER_ANSWERED)
		return print_text("the shim daemon is of build " LXCRI_BUILD " now\n", failure);
	if (answer == KEEPER_REFUSED || !may_ask(&paths, failure))
		return -1;
	if (keeper_lock_is_held(&paths))
		return fail_silent(&paths, failure);
	return print_text("nothing runs that would have to be replaced\n", failure);
}

int command_status(const struct arguments *arguments, struct failure *failure)
{
	static struct paths paths;
	char text[KEEPER_STATUS_MAX + 1];
	if (check_no_more(arguments, failure) != 0 || paths_init(&paths, getenv("LXCRI_RUN_DIR"), failure) != 0)
		return -1;
	enum keeper_answer answer = keeper_call_status(text, &paths, deadline_in_ms(STATUS_LIMIT_MS), failure);
	if (answer == KEEPER_ANSWERED)
		return print_text(strcat(text, "\n"), failure);
	if (answer == KEEPER_REFUSED || !may_ask(&paths, failure))
		return -1;
	if (keeper_lock_is_held(&paths))
		return fail_silent(&paths, failure);
	return fail(failure, "no keeper answers on %s: the next container starts one", paths.keeper_socket);
}
