/* The table of the plan's operations, and those that only note something for take_credentials and execve. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/plan.h"
#include "setup.h"

/* field JSON-PATH: where in config.json the operations that follow come from */
static int op_field(void *context, char **arguments)
{
	struct setup *setup = context;

	setup->field = arguments[0];
	return 0;
}

/* join COUNT: enters the cgroups whose `tasks` files were passed; "0" is whoever writes (cgroup-setup.c says why) */
static int op_join(void *context, char **arguments)
{
	struct setup *setup = context;
	uint32_t count;

	if (plan_u32(arguments[0], &count) < 0)
		return -1;
	if (SETUP_TREES + (size_t)count > setup->fd_count) {
		errno = EPROTO;
		return -1;
	}
	setup->join_count = count;
	for (uint32_t i = 0; i < count; i++) {
		if (write(setup->fds[SETUP_TREES + i], "0", 1) != 1)
			return setup_fail(setup, "cannot join a cgroup: %s", strerror(errno));
		close_received(setup, SETUP_TREES + i);
	}
	return 0;
}

/* cgroup-namespace: what the container sees as the root of its cgroups is the one that it has joined */
static int op_cgroup_namespace(void *context, char **arguments)
{
	(void)arguments;
	if (unshare(CLONE_NEWCGROUP) < 0)
		return setup_fail(context, "cannot make a cgroup namespace: %s", strerror(errno));
	return 0;
}

/* arg VALUE */
static int op_arg(void *context, char **arguments)
{
	struct setup *setup = context;

	return append_word(&setup->arguments, arguments[0]);
}

/* env NAME=VALUE */
static int op_env(void *context, char **arguments)
{
	struct setup *setup = context;

	return append_word(&setup->environment, arguments[0]);
}

/* cwd PATH */
static int op_cwd(void *context, char **arguments)
{
	struct setup *setup = context;

	setup->cwd = arguments[0];
	return 0;
}

/* user UID GID UMASK(decimal) SETGROUPS(0|1) */
static int op_user(void *context, char **arguments)
{
	struct setup *setup = context;
	uint32_t mask;

	if (plan_u32(arguments[0], &setup->uid) < 0 || plan_u32(arguments[1], &setup->gid) < 0)
		return -1;
	if (plan_u32(arguments[2], &mask) < 0)
		return -1;
	setup->umask = (mode_t)mask;
	setup->may_set_groups = arguments[3][0] == '1';
	return 0;
}

/* group GID */
static int op_group(void *context, char **arguments)
{
	struct setup *setup = context;

	if (setup->group_count == SETUP_MAX_GROUPS) {
		setup->field = "process.user.additionalGids";
		errno = E2BIG;
		return setup_fail(setup, "there are more than %d groups", SETUP_MAX_GROUPS);
	}
	return plan_u32(arguments[0], &setup->groups[setup->group_count++]);
}

/* capabilities BOUNDING EFFECTIVE PERMITTED INHERITABLE AMBIENT: bit masks in hexadecimal */
static int op_capabilities(void *context, char **arguments)
{
	struct setup *setup = context;
	struct capability_sets *sets = &setup->capabilities;
	uint64_t *masks[] = {&sets->bounding, &sets->effective, &sets->permitted, &sets->inheritable, &sets->ambient};

	for (int i = 0; i < 5; i++)
		if (plan_hex64(arguments[i], masks[i]) < 0)
			return -1;
	return 0;
}

/* rlimit RESOURCE SOFT HARD */
static int op_rlimit(void *context, char **arguments)
{
	struct setup *setup = context;
	struct rlimit_request *request;

	if (setup->rlimit_count == SETUP_MAX_RLIMITS) {
		errno = E2BIG;
		return -1;
	}
	request = &setup->rlimits[setup->rlimit_count++];
	if (plan_u32(arguments[0], &request->resource) < 0 || plan_u64(arguments[1], &request->soft) < 0)
		return -1;
	return plan_u64(arguments[2], &request->hard);
}

/* no-new-privileges */
static int op_no_new_privileges(void *context, char **arguments)
{
	struct setup *setup = context;

	(void)arguments;
	setup->no_new_privileges = true;
	return 0;
}

/* personality NUMBER */
static int op_personality(void *context, char **arguments)
{
	struct setup *setup = context;

	setup->set_personality = true;
	return plan_u32(arguments[0], &setup->personality);
}

/* hostname NAME */
static int op_hostname(void *context, char **arguments)
{
	(void)context;
	return sethostname(arguments[0], strlen(arguments[0]));
}

/* domainname NAME */
static int op_domainname(void *context, char **arguments)
{
	(void)context;
	return setdomainname(arguments[0], strlen(arguments[0]));
}

/* hooks STATE: what the hooks that follow are told */
static int op_hooks(void *context, char **arguments)
{
	((struct setup *)context)->hooks.state = arguments[0];
	return 0;
}

/* hook KIND PATH TIMEOUT: in seconds, 0 for none */
static int op_hook(void *context, char **arguments)
{
	return plan_hook(&((struct setup *)context)->hooks, arguments);
}

/* hook-argument WORD */
static int op_hook_argument(void *context, char **arguments)
{
	return plan_hook_argument(&((struct setup *)context)->hooks, arguments);
}

/* hook-environment NAME=VALUE */
static int op_hook_environment(void *context, char **arguments)
{
	return plan_hook_environment(&((struct setup *)context)->hooks, arguments);
}

static const struct plan_operation operations[] = {
	{"field", 1, op_field},
	{"join", 1, op_join},
	{"cgroup-namespace", 0, op_cgroup_namespace},
	{"attach", 7, op_attach},
	{"mount", 5, op_mount},
	{"setattr", 5, op_setattr},
	{"propagation", 2, op_propagation},
	{"unmount", 1, op_unmount},
	{"mask", 1, op_mask},
	{"readonly", 1, op_readonly},
	{"mkdir", 2, op_mkdir},
	{"mknod", 7, op_mknod},
	{"symlink", 2, op_symlink},
	{"write", 2, op_write},
	{"hostname", 1, op_hostname},
	{"domainname", 1, op_domainname},
	{"apparmor", 1, op_apparmor},
	{"seccomp", 2, op_seccomp},
	{"terminal", 2, op_terminal},
	{"console", 0, op_console},
	{"pass-root", 0, op_pass_root},
	{"hooks", 1, op_hooks},
	{"hook", 3, op_hook},
	{"hook-argument", 1, op_hook_argument},
	{"hook-environment", 1, op_hook_environment},
	{"rlimit", 3, op_rlimit},
	{"user", 4, op_user},
	{"group", 1, op_group},
	{"capabilities", 5, op_capabilities},
	{"no-new-privileges", 0, op_no_new_privileges},
	{"personality", 1, op_personality},
	{"cwd", 1, op_cwd},
	{"arg", 1, op_arg},
	{"env", 1, op_env},
};

int run_setup_plan(struct setup *setup)
{
	/* Never freed: arguments, environment and paths point into it until execve. */
	struct plan plan;

	setup->field = "init.plan";
	if (plan_read(&plan, setup->fds[SETUP_PLAN]) < 0)
		return -1;
	close_received(setup, SETUP_PLAN);
	if (plan_run(&plan, operations, sizeof(operations) / sizeof(operations[0]), setup) < 0)
		return -1;
	if (!setup->arguments.count) {
		setup->field = "process.args";
		errno = EINVAL;
		return -1;
	}
	return 0;
}
