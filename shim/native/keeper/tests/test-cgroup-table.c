#include "cgroup-table.h"
#include "testing/check.h"

static struct cgroup_mounts mounts;

static void add(const char *line)
{
	char copy[1024];
	snprintf(copy, sizeof copy, "%s", line);
	cgroup_mounts_add(&mounts, copy);
}

static void fill(void)
{
	mounts.count = 0;
	add("22 1 0:20 / /proc rw,nosuid - proc proc rw");
	add("30 24 0:26 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755");
	add("31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw,nsdelegate");
	add("32 30 0:28 / /sys/fs/cgroup/systemd rw shared:11 master:1 - cgroup cgroup rw,xattr,name=systemd");
	add("33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct");
	add("34 30 0:30 / /sys/fs/cgroup/with\\040blank rw - cgroup cgroup rw,cpuset");
	add("35 30 0:31 /docker/1 /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids");
	add("36 30 0:32 / /cgroup rw - ext4 /dev/sda1 rw");
	add("37 30 0:32 / / - cgroups rw - cgrouppy cgroup rw");
}

static const struct cgroup_mount *find(const char *line, struct cgroup_membership *membership)
{
	static char copy[512];
	snprintf(copy, sizeof copy, "%s", line);
	CHECK(cgroup_membership_parse(copy, membership));
	return cgroup_mounts_find(&mounts, membership);
}

static void finds_the_mount_of_each_hierarchy(void)
{
	struct cgroup_membership membership;
	fill();
	CHECK(mounts.count == 5);
	CHECK_TEXT(find("0::/system.slice/containerd.service", &membership)->point, "/sys/fs/cgroup/unified");
	CHECK_TEXT(membership.path, "/system.slice/containerd.service");
	CHECK_TEXT(find("1:name=systemd:/init.scope", &membership)->point, "/sys/fs/cgroup/systemd");
	CHECK_TEXT(find("4:cpu,cpuacct:/a:b", &membership)->point, "/sys/fs/cgroup/cpu,cpuacct");
	CHECK_TEXT(membership.path, "/a:b");
	CHECK_TEXT(find("5:cpuset:/", &membership)->point, "/sys/fs/cgroup/with blank");
	CHECK_TEXT(find("6:pids:/docker/1", &membership)->root, "/docker/1");
	CHECK(find("7:memory:/", &membership) == NULL);
	CHECK(find("8:acct:/", &membership) == NULL);
}

static void ignores_lines_that_are_none(void)
{
	static const char *const lines[] = {"", ":", "::", "0:", "x", "0::", "0::relative", "1:cpu"};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		char copy[64];
		struct cgroup_membership membership;
		snprintf(copy, sizeof copy, "%s", lines[i]);
		CHECK(!cgroup_membership_parse(copy, &membership));
	}
	mounts.count = 0;
	add(" - cgroup");
	add(" - cgroup2 cgroup rw");
	add("1 2 3 / - cgroup cgroup rw");
	add("1 2 3 / /x - cgroup");
	CHECK(mounts.count == 0);
}

static void stops_at_what_it_can_hold(void)
{
	mounts.count = 0;
	for (int i = 0; i < 2 * CGROUP_MOUNTS_MAX; i++)
		add("33 30 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu");
	CHECK(mounts.count == CGROUP_MOUNTS_MAX);
	mounts.count = 0;
	char line[800];
	char deep[400] = {0};
	memset(deep, 'x', sizeof deep - 1);
	snprintf(line, sizeof line, "33 30 0:29 / /%s rw - cgroup cgroup rw,cpu", deep);
	add(line);
	CHECK(mounts.count == 0);
}

static void searches_whole_words_of_a_list(void)
{
	CHECK(list_holds("rw,cpu,cpuacct", "cpu", 3));
	CHECK(list_holds("cpu", "cpu", 3));
	CHECK(list_holds("rw,cpu", "cpu", 3));
	CHECK(!list_holds("rw,cpuset,cpuacct", "cpu", 3));
	CHECK(!list_holds("", "cpu", 3));
}

static const struct check_test tests[] = {
	{TEST(finds_the_mount_of_each_hierarchy)},
	{TEST(ignores_lines_that_are_none)},
	{TEST(stops_at_what_it_can_hold)},
	{TEST(searches_whole_words_of_a_list)},
};

CHECK_MAIN(tests)
