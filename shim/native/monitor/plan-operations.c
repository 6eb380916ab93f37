#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/plan.h"
#include "monitor.h"
#include "stream-operations.h"

static int too_many(struct monitor *monitor, const char *what, int most)
{
	errno = E2BIG;
	return monitor_fail(monitor, "%s: there are more than %d %s", monitor->field, most, what);
}

/* field JSON-PATH */
static int op_field(void *context, char **arguments)
{
	struct monitor *monitor = ((struct plan_context *)context)->monitor;

	monitor->field = arguments[0];
	return 0;
}

/* stdio-owner UID GID: of the FIFOs, by the host's ids; without it they stay whose they are */
static int op_stdio_owner(void *context, char **arguments)
{
	struct monitor *monitor = ((struct plan_context *)context)->monitor;

	monitor->stream_owner.given = true;
	if (plan_u32(arguments[0], &monitor->stream_owner.uid) < 0)
		return -1;
	return plan_u32(arguments[1], &monitor->stream_owner.gid);
}

/* mount DIRECTORY SOURCE TARGET TYPE FLAGS DATA: on the host, in order; see struct rootfs_mount */
static int op_mount(void *context, char **arguments)
{
	struct monitor *monitor = ((struct plan_context *)context)->monitor;
	struct rootfs_mount *entry;

	if (monitor->mount_count == MONITOR_MAX_MOUNTS)
		return too_many(monitor, "mounts of the root file system", MONITOR_MAX_MOUNTS);
	entry = &monitor->mounts[monitor->mount_count++];
	*entry = (struct rootfs_mount){arguments[0], arguments[1], arguments[2], arguments[3], arguments[5], 0, false};
	return plan_u64(arguments[4], &entry->flags);
}

/* tree SOURCE RECURSIVE(0|1): a path of the host that the init will mount; their order is their index */
static int op_tree(void *context, char **arguments)
{
	struct monitor *monitor = ((struct plan_context *)context)->monitor;

	if (monitor->tree_count == MONITOR_MAX_TREES)
		return too_many(monitor, "bind mounts", MONITOR_MAX_TREES);
	monitor->trees[monitor->tree_count++] = (struct tree_source){monitor->field, arguments[0], arguments[1][0] == '1'};
	return 0;
}

static int parse_kind(const char *word, enum cgroup_kind *kind)
{
	static const char *const names[] = {"v1", "v1-cpuset", "v2"};

	for (int i = 0; i < 3; i++) {
		if (strcmp(word, names[i]) == 0) {
			*kind = (enum cgroup_kind)i;
			return 0;
		}
	}
	errno = EPROTO;
	return -1;
}

/* namespace NAME TYPE PATH: one that liblxc will join, by its name and its CLONE_NEW flag */
static int op_namespace(void *context, char **arguments)
{
	struct monitor *monitor = ((struct plan_context *)context)->monitor;
	struct joined_namespace *joined;

	if (monitor->namespace_count == MONITOR_MAX_NAMESPACES)
		return too_many(monitor, "namespaces", MONITOR_MAX_NAMESPACES);
	joined = &monitor->namespaces[monitor->namespace_count++];
	joined->field = monitor->field;
	joined->name = arguments[0];
	joined->path = arguments[2];
	return plan_u32(arguments[1], &joined->type);
}

/* cgroup KIND BASE PATH: base is a directory that is there, path begins with a slash; it is the container's alone */
static int op_cgroup(void *context, char **arguments)
{
	struct monitor *monitor = ((struct plan_context *)context)->monitor;
	struct cgroup *cgroup;

	if (monitor->cgroup_count == MONITOR_MAX_CGROUPS)
		return too_many(monitor, "cgroup hierarchies", MONITOR_MAX_CGROUPS);
	cgroup = &monitor->cgroups[monitor->cgroup_count++];
	cgroup->base = arguments[1];
	cgroup->path = arguments[2];
	return parse_kind(arguments[0], &cgroup->kind);
}

/* cgroup-set FILE VALUE */
static int op_cgroup_set(void *context, char **arguments)
{
	struct monitor *monitor = ((struct plan_context *)context)->monitor;

	if (monitor->setting_count == MONITOR_MAX_SETTINGS)
		return too_many(monitor, "settings of cgroups", MONITOR_MAX_SETTINGS);
	monitor->settings[monitor->setting_count++] = (struct cgroup_setting){monitor->field, arguments[0], arguments[1]};
	return 0;
}

/* device-filter CGROUP PROGRAM: a cgroup v2 directory and BPF instructions in hexadecimal */
static int op_device_filter(void *context, char **arguments)
{
	struct monitor *monitor = ((struct plan_context *)context)->monitor;

	monitor->device_cgroup = arguments[0];
	monitor->device_filter = arguments[1];
	return 0;
}

/* watch-oom v1|v2 DIRECTORY: the container's cgroup that has the memory controller */
static int op_watch_oom(void *context, char **arguments)
{
	struct monitor *monitor = ((struct plan_context *)context)->monitor;

	monitor->oom_unified = strcmp(arguments[0], "v2") == 0;
	monitor->oom_directory = arguments[1];
	return 0;
}

/* keep NAME PATH: a file of the container's cgroup that says what it used */
static int op_keep(void *context, char **arguments)
{
	struct monitor *monitor = ((struct plan_context *)context)->monitor;

	if (monitor->kept_count == MONITOR_MAX_KEPT)
		return too_many(monitor, "files to keep", MONITOR_MAX_KEPT);
	monitor->kept[monitor->kept_count++] = (struct kept_file){arguments[0], arguments[1]};
	return 0;
}

/* hooks BUNDLE ROOT NETWORK STATE: what the hooks that follow are told, and where they are run */
static int op_hooks(void *context, char **arguments)
{
	struct monitor *monitor = ((struct plan_context *)context)->monitor;

	monitor->bundle = arguments[0];
	monitor->root_path = arguments[1];
	monitor->host_network = arguments[2];
	monitor->hooks.state = arguments[3];
	return 0;
}

/* hook KIND PATH TIMEOUT: in seconds, 0 for none */
static int op_hook(void *context, char **arguments)
{
	return plan_hook(&((struct plan_context *)context)->monitor->hooks, arguments);
}

/* hook-argument WORD */
static int op_hook_argument(void *context, char **arguments)
{
	return plan_hook_argument(&((struct plan_context *)context)->monitor->hooks, arguments);
}

/* hook-environment NAME=VALUE */
static int op_hook_environment(void *context, char **arguments)
{
	return plan_hook_environment(&((struct plan_context *)context)->monitor->hooks, arguments);
}

/* restore: the container's processes are made by criu, when it is started */
static int op_restore(void *context, char **arguments)
{
	(void)arguments;
	((struct plan_context *)context)->monitor->is_restored = true;
	return 0;
}

/* order WORD: one each, what the driver is told */
static int op_order(void *context, char **arguments)
{
	struct monitor *monitor = ((struct plan_context *)context)->monitor;

	if (monitor->order_count == DRIVER_MAX_WORDS)
		return too_many(monitor, "orders", DRIVER_MAX_WORDS);
	monitor->orders[monitor->order_count++] = arguments[0];
	return 0;
}

static const struct plan_operation operations[] = {
	STREAM_OPERATIONS,
	{"field", 1, op_field},
	{"stdio-owner", 2, op_stdio_owner},
	{"mount", 6, op_mount},
	{"tree", 2, op_tree},
	{"namespace", 3, op_namespace},
	{"cgroup", 3, op_cgroup},
	{"cgroup-set", 2, op_cgroup_set},
	{"device-filter", 2, op_device_filter},
	{"keep", 2, op_keep},
	{"watch-oom", 2, op_watch_oom},
	{"order", 1, op_order},
	{"restore", 0, op_restore},
	{"hooks", 4, op_hooks},
	{"hook", 3, op_hook},
	{"hook-argument", 1, op_hook_argument},
	{"hook-environment", 1, op_hook_environment},
};

int monitor_read_plan(struct monitor *monitor)
{
	/* Never freed: the monitor points into it until it ends. */
	struct plan plan;
	struct plan_context context = {.process = &monitor->init, .monitor = monitor};
	int fd = open("monitor.plan", O_RDONLY | O_CLOEXEC);
	int failed;

	if (fd < 0)
		return monitor_fail(monitor, "cannot open monitor.plan: %s", strerror(errno));
	failed = plan_read(&plan, fd) < 0 ||
			 plan_run(&plan, operations, sizeof(operations) / sizeof(operations[0]), &context) < 0;
	close(fd);
	if (failed)
		return monitor_fail(monitor, "cannot read monitor.plan: %s", strerror(errno));
	monitor->field = NULL;
	return 0;
}

/* oom-score-adj VALUE */
static int op_oom_score_adj(void *context, char **arguments)
{
	((struct plan_context *)context)->exec->oom_score_adj = arguments[0];
	return 0;
}

/* record JSON: what the daemons tell each other of it */
static int op_record(void *context, char **arguments)
{
	(void)context;
	(void)arguments;
	return 0;
}

/* init: all that follows is for the init */
static int op_init(void *context, char **arguments)
{
	struct exec *exec = ((struct plan_context *)context)->exec;

	(void)arguments;
	exec->process.plan_offset = (off_t)exec->plan.offset;
	exec->plan.size = exec->plan.offset;
	return 0;
}

static const struct plan_operation exec_operations[] = {
	STREAM_OPERATIONS,
	{"oom-score-adj", 1, op_oom_score_adj},
	{"record", 1, op_record},
	{"init", 0, op_init},
};

int read_exec_plan(struct exec *exec)
{
	struct plan_context context = {.process = &exec->process, .exec = exec};
	int fd = open(exec->plan_file, O_RDONLY | O_CLOEXEC);
	int failed;

	if (fd < 0)
		return process_fail(&exec->process, "cannot open its plan: %s", strerror(errno));
	failed = plan_read(&exec->plan, fd) < 0 ||
			 plan_run(&exec->plan, exec_operations, sizeof(exec_operations) / sizeof(exec_operations[0]), &context) < 0;
	close(fd);
	return failed ? process_fail(&exec->process, "cannot read its plan: %s", strerror(errno)) : 0;
}

void free_exec_plan(struct exec *exec)
{
	plan_free(&exec->plan);
}
