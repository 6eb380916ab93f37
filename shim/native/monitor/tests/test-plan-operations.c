#include "monitor.h"
#include "plans.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"
#include "testing/temp-dir.h"

#include <errno.h>

static struct monitor monitor;

static int read_it(void)
{
	monitor = (struct monitor){0};
	monitor_initialize(&monitor);
	return monitor_read_plan(&monitor);
}

static void everything_is_noted(void)
{
	int before = count_descriptors();

	enter_temp_dir();
	write_plan("stdio|0|/in|log-file|1|/log|stdio|2||stdio-owner|5|4294967294|"
			   "mount|/layers|overlay|/rootfs|overlay|18446744073709551615|a=b,c|"
			   "field|mounts[1]|tree|/source|1|field|mounts[2]|tree|/other|0|"
			   "field|linux.namespaces[0].path|namespace|network|1073741824|/ns|"
			   "cgroup|v1|/sys/fs/cgroup/pids|/a/b|cgroup|v1-cpuset|/c|/d|cgroup|v2|/e|/f|"
			   "field|linux.resources.pids|cgroup-set|/x/pids.max|max|device-filter|/e/f|b4|order|one|order||");
	CHECK(read_it() == 0);
	CHECK_TEXT(monitor.init.streams[0].path, "/in");
	CHECK(!monitor.init.streams[0].create);
	CHECK_TEXT(monitor.init.streams[1].path, "/log");
	CHECK(monitor.init.streams[1].create);
	CHECK_TEXT(monitor.init.streams[2].path, "");
	CHECK(monitor.stream_owner.given && monitor.stream_owner.uid == 5 && monitor.stream_owner.gid == 4294967294u);
	CHECK(monitor.mount_count == 1);
	CHECK_TEXT(monitor.mounts[0].directory, "/layers");
	CHECK_TEXT(monitor.mounts[0].source, "overlay");
	CHECK_TEXT(monitor.mounts[0].target, "/rootfs");
	CHECK_TEXT(monitor.mounts[0].type, "overlay");
	CHECK_TEXT(monitor.mounts[0].data, "a=b,c");
	CHECK(monitor.mounts[0].flags == UINT64_MAX && !monitor.mounts[0].mounted);
	CHECK(monitor.tree_count == 2);
	CHECK_TEXT(monitor.trees[0].source, "/source");
	CHECK_TEXT(monitor.trees[0].field, "mounts[1]");
	CHECK(monitor.trees[0].recursive && !monitor.trees[1].recursive);
	CHECK_TEXT(monitor.trees[1].field, "mounts[2]");
	CHECK(monitor.namespace_count == 1 && monitor.namespaces[0].type == 0x40000000);
	CHECK_TEXT(monitor.namespaces[0].name, "network");
	CHECK_TEXT(monitor.namespaces[0].path, "/ns");
	CHECK(monitor.cgroup_count == 3 && monitor.made_cgroups == 0);
	CHECK(monitor.cgroups[0].kind == CGROUP_V1 && monitor.cgroups[1].kind == CGROUP_V1_CPUSET);
	CHECK(monitor.cgroups[2].kind == CGROUP_V2);
	CHECK_TEXT(monitor.cgroups[0].base, "/sys/fs/cgroup/pids");
	CHECK_TEXT(monitor.cgroups[0].path, "/a/b");
	CHECK(monitor.setting_count == 1);
	CHECK_TEXT(monitor.settings[0].field, "linux.resources.pids");
	CHECK_TEXT(monitor.settings[0].file, "/x/pids.max");
	CHECK_TEXT(monitor.settings[0].value, "max");
	CHECK_TEXT(monitor.device_cgroup, "/e/f");
	CHECK_TEXT(monitor.device_filter, "b4");
	CHECK(monitor.order_count == 2);
	CHECK_TEXT(monitor.orders[1], "");
	CHECK(!monitor.field);
	CHECK(count_descriptors() == before);
	leave_temp_dir();
}

static void what_is_wrong_is_refused(void)
{
	static const char *const plans[] = {
		"nonsense|",         "stdio|3|/x|",
		"stdio|x|/x|",       "log-file|9|/x|",
		"stdio-owner|-1|0|", "stdio-owner|0|4294967296|",
		"mount|||||flags||", "namespace|pid|x|/ns|",
		"cgroup|v3|/a|/b|",  "order|",
	};
	int before = count_descriptors();

	enter_temp_dir();
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		write_plan("%s", plans[i]);
		CHECK(read_it() < 0);
		CHECK_HOLDS(monitor.init.failure.text, "cannot read monitor.plan: ");
	}
	CHECK(unlink("monitor.plan") == 0);
	CHECK(read_it() < 0 && monitor.init.failure.error == ENOENT);
	CHECK(mkdir("monitor.plan", 0700) == 0);
	CHECK(read_it() < 0);
	CHECK(count_descriptors() == before);
	leave_temp_dir();
}

/* As many as there is place for, and not one more. */
static void too_much_is_refused(void)
{
	static const struct {
		const char *operation;
		int most;
		const char *what;
	} lists[] = {
		{"mount|||||0||", MONITOR_MAX_MOUNTS, "mounts of the root file system"},
		{"tree|/x|0|", MONITOR_MAX_TREES, "bind mounts"},
		{"namespace|pid|1|/x|", MONITOR_MAX_NAMESPACES, "namespaces"},
		{"cgroup|v1|/x|/y|", MONITOR_MAX_CGROUPS, "cgroup hierarchies"},
		{"cgroup-set|/x|1|", MONITOR_MAX_SETTINGS, "settings of cgroups"},
		{"order|x|", DRIVER_MAX_WORDS, "orders"},
	};
	static char text[65536];
	char expected[128];

	enter_temp_dir();
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		strcpy(text, "field|the.field|");
		for (int j = 0; j < lists[i].most; j++)
			strcat(text, lists[i].operation);
		write_plan("%s", text);
		CHECK(read_it() == 0);
		write_plan("%s%s", text, lists[i].operation);
		CHECK(read_it() < 0 && monitor.init.failure.error == E2BIG);
		snprintf(expected, sizeof(expected), "the.field: there are more than %d %s", lists[i].most, lists[i].what);
		CHECK_TEXT(monitor.init.failure.text, expected);
	}
	leave_temp_dir();
}

static const struct check_test tests[] = {
	{TEST(everything_is_noted)},
	{TEST(what_is_wrong_is_refused)},
	{TEST(too_much_is_refused)},
};

/* Plans are never freed: in children that is nobody's concern. */
CHECK_MAIN_IN_CHILDREN(tests)
