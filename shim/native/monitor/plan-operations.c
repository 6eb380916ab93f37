#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/plan.h"
#include "monitor.h"

static int too_many(struct monitor *monitor, const char *what, int most)
{
	errno = E2BIG;
	return monitor_fail(monitor, "%s: there are more than %d %s", monitor->field, most, what);
}

/* field JSON-PATH */
static int op_field(void *context, char **arguments)
{
	struct monitor *monitor = context;

	monitor->field = arguments[0];
	return 0;
}

/* stdio NUMBER PATH: a FIFO or a file to append to; an empty path is /dev/null */
static int op_stdio(void *context, char **arguments)
{
	struct monitor *monitor = context;
	uint32_t number;

	if (plan_u32(arguments[0], &number) < 0 || number > 2) {
		errno = EPROTO;
		return -1;
	}
	monitor->streams[number].path = arguments[1];
	return 0;
}

/* log-file NUMBER PATH: a file to append to, made if it is missing */
static int op_log_file(void *context, char **arguments)
{
	struct monitor *monitor = context;

	if (op_stdio(context, arguments) < 0)
		return -1;
	monitor->streams[arguments[0][0] - '0'].create = true;
	return 0;
}

/* stdio-owner UID GID: of the FIFOs, by the host's ids; without it they stay whose they are */
static int op_stdio_owner(void *context, char **arguments)
{
	struct monitor *monitor = context;

	monitor->gives_streams = true;
	if (plan_u32(arguments[0], &monitor->stream_uid) < 0)
		return -1;
	return plan_u32(arguments[1], &monitor->stream_gid);
}

/* mount DIRECTORY SOURCE TARGET TYPE FLAGS DATA: on the host, in order; see struct rootfs_mount */
static int op_mount(void *context, char **arguments)
{
	struct monitor *monitor = context;
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
	struct monitor *monitor = context;

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
	struct monitor *monitor = context;
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
	struct monitor *monitor = context;
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
	struct monitor *monitor = context;

	if (monitor->setting_count == MONITOR_MAX_SETTINGS)
		return too_many(monitor, "settings of cgroups", MONITOR_MAX_SETTINGS);
	monitor->settings[monitor->setting_count++] = (struct cgroup_setting){monitor->field, arguments[0], arguments[1]};
	return 0;
}

/* device-filter CGROUP PROGRAM: a cgroup v2 directory and BPF instructions in hexadecimal */
static int op_device_filter(void *context, char **arguments)
{
	struct monitor *monitor = context;

	monitor->device_cgroup = arguments[0];
	monitor->device_filter = arguments[1];
	return 0;
}

/* watch-oom v1|v2 DIRECTORY: the container's cgroup that has the memory controller */
static int op_watch_oom(void *context, char **arguments)
{
	struct monitor *monitor = context;

	monitor->oom_unified = strcmp(arguments[0], "v2") == 0;
	monitor->oom_directory = arguments[1];
	return 0;
}

/* keep NAME PATH: a file of the container's cgroup that says what it used */
static int op_keep(void *context, char **arguments)
{
	struct monitor *monitor = context;

	if (monitor->kept_count == MONITOR_MAX_KEPT)
		return too_many(monitor, "files to keep", MONITOR_MAX_KEPT);
	monitor->kept[monitor->kept_count++] = (struct kept_file){arguments[0], arguments[1]};
	return 0;
}

/* order WORD: one each, what the driver is told */
static int op_order(void *context, char **arguments)
{
	struct monitor *monitor = context;

	if (monitor->order_count == DRIVER_MAX_WORDS)
		return too_many(monitor, "orders", DRIVER_MAX_WORDS);
	monitor->orders[monitor->order_count++] = arguments[0];
	return 0;
}

static const struct plan_operation operations[] = {
	{"field", 1, op_field},
	{"stdio", 2, op_stdio},
	{"stdio-owner", 2, op_stdio_owner},
	{"log-file", 2, op_log_file},
	{"mount", 6, op_mount},
	{"tree", 2, op_tree},
	{"namespace", 3, op_namespace},
	{"cgroup", 3, op_cgroup},
	{"cgroup-set", 2, op_cgroup_set},
	{"device-filter", 2, op_device_filter},
	{"keep", 2, op_keep},
	{"watch-oom", 2, op_watch_oom},
	{"order", 1, op_order},
};

int monitor_read_plan(struct monitor *monitor)
{
	/* Never freed: the monitor points into it until it ends. */
	struct plan plan;
	int fd = open("monitor.plan", O_RDONLY | O_CLOEXEC);
	int failed;

	if (fd < 0)
		return monitor_fail(monitor, "cannot open monitor.plan: %s", strerror(errno));
	failed = plan_read(&plan, fd) < 0 ||
			 plan_run(&plan, operations, sizeof(operations) / sizeof(operations[0]), monitor) < 0;
	close(fd);
	if (failed)
		return monitor_fail(monitor, "cannot read monitor.plan: %s", strerror(errno));
	monitor->field = NULL;
	return 0;
}
