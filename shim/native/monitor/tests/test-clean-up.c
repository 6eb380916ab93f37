#include "../common/kernel.h"
#include "hierarchies.h"
#include "monitor.h"
#include "plans.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"

#include <signal.h>

static struct monitor monitor;
static bool has_cgroup;

static int clean_up(void)
{
	monitor = (struct monitor){0};
	monitor_initialize(&monitor);
	return clean_up_after_monitor(&monitor, "/state", "/proc/self/ns/net");
}

static void enter(void)
{
	const char *found = hierarchy("pids");
	int pids = found ? lxcri_open_tree(AT_FDCWD, found, LXCRI_OPEN_TREE_CLONE | O_CLOEXEC) : -1;

	enter_empty_root();
	CHECK(mkdir("/state", 0700) == 0 && mkdir("/rootfs", 0755) == 0 && mkdir("/cgroup", 0755) == 0);
	CHECK(chdir("/state") == 0);
	has_cgroup = pids >= 0;
	if (!has_cgroup)
		return;
	/* The root is empty: a hierarchy of the host is brought in. */
	CHECK(lxcri_move_mount(pids, "", AT_FDCWD, "/cgroup", LXCRI_MOVE_MOUNT_F_EMPTY_PATH) == 0);
	close(pids);
}

static int mounts_on(const char *path)
{
	const char *text = read_text("/proc/self/mountinfo");
	char pattern[128];
	int count = 0;

	snprintf(pattern, sizeof(pattern), " %s ", path);
	for (const char *next = strstr(text, pattern); next; next = strstr(next + 1, pattern))
		count++;
	return count;
}

static void a_container_that_ran_gets_an_end(void)
{
	enter();
	write_plan("mount||tmpfs|/rootfs|tmpfs|0||");
	CHECK(mount("tmpfs", "/rootfs", "tmpfs", 0, NULL) == 0);
	write_text("status", "phase running\nstarted 1\npid 4711 815\n");
	CHECK(clean_up() == 0);
	CHECK(mounts_on("/rootfs") == 0);
	/* What was known stays known. */
	CHECK_HOLDS(read_text("status"), "phase stopped\nstarted 1\npid 4711 815\nexit 137 ");
	/* The next daemon sees that it is done; it does no harm to do it again. */
	CHECK(access("monitor.plan", F_OK) < 0);
	CHECK(clean_up() == 0);
	CHECK_HOLDS(read_text("status"), "phase stopped\nstarted 1\npid 4711 815\nexit 137 ");
}

static void an_end_on_record_is_the_truth(void)
{
	static const char status[] = "phase stopped\nstarted 1\npid 4711 815\nexit 7 1700000000 5\n";

	enter();
	write_plan("mount||tmpfs|/rootfs|tmpfs|0||");
	write_text("status", status);
	CHECK(clean_up() == 0);
	CHECK_TEXT(read_text("status"), status);
}

/* Options and propagation of a mount are calls of their own, which mounted nothing. */
static void only_what_was_mounted_is_unmounted(void)
{
	enter();
	write_plan(
		"mount||/x|/rootfs|none|%lu||mount||none|/rootfs|none|%lu||mount||none|/rootfs|none|%lu||",
		(unsigned long)MS_BIND, (unsigned long)(MS_BIND | MS_REMOUNT | MS_RDONLY), (unsigned long)MS_PRIVATE);
	CHECK(mount("tmpfs", "/rootfs", "tmpfs", 0, NULL) == 0);
	CHECK(mount("tmpfs", "/rootfs", "tmpfs", 0, NULL) == 0);
	CHECK(clean_up() == 0);
	CHECK(mounts_on("/rootfs") == 1);
}

static void a_monitor_that_had_no_plan_had_done_nothing(void)
{
	enter();
	CHECK(clean_up() == 0);
	CHECK(access("status", F_OK) < 0);
	/* Or half of one, as a daemon that was killed leaves it. */
	write_plan("mount||tmpfs");
	CHECK(clean_up() == 0);
	CHECK(access("status", F_OK) < 0);
}

static void a_directory_that_is_missing_is_an_error(void)
{
	enter();
	CHECK(chdir("/") == 0 && rmdir("/state") == 0);
	CHECK(clean_up() == 1);
}

static pid_t sleeper_in(const char *tasks)
{
	pid_t child = fork();
	int fd;

	if (child == 0) {
		for (;;)
			pause();
	}
	fd = open(tasks, O_WRONLY | O_CLOEXEC);
	CHECK(fd >= 0 && dprintf(fd, "%d", (int)child) > 0);
	close(fd);
	return child;
}

static void processes_are_killed_if_the_cgroup_was_the_containers(void)
{
	char path[256], tasks[300];
	pid_t child;

	enter();
	if (!has_cgroup) {
		printf("# not tried: there is no cgroup v1 here\n");
		return;
	}
	snprintf(path, sizeof(path), "/cgroup%s", own_path());
	CHECK(mkdir(path, 0755) == 0);
	snprintf(tasks, sizeof(tasks), "%s/tasks", path);
	write_plan("cgroup|v1|/cgroup|%s|", own_path());
	child = sleeper_in(tasks);
	/* Without a status the monitor had not got that far: it may be another container's. */
	CHECK(clean_up() == 0);
	CHECK(access(tasks, F_OK) == 0);
	CHECK(waitpid(child, NULL, WNOHANG) == 0);
	/* Once the cgroups are made there is one. */
	write_plan("cgroup|v1|/cgroup|%s|", own_path());
	write_text("/state/status", "phase creating\nstarted 0\npid 0 0\n");
	CHECK(clean_up() == 0);
	CHECK(access(path, F_OK) < 0);
	/* It has an end, and was never created. */
	CHECK_HOLDS(read_text("/state/status"), "phase creating\nstarted 0\npid 0 0\nexit 137 ");
	CHECK(status_of(child) == 128 + SIGKILL);
}

static const struct check_test tests[] = {
	{TEST(a_container_that_ran_gets_an_end)},        {TEST(an_end_on_record_is_the_truth)},
	{TEST(only_what_was_mounted_is_unmounted)},      {TEST(a_monitor_that_had_no_plan_had_done_nothing)},
	{TEST(a_directory_that_is_missing_is_an_error)}, {TEST(processes_are_killed_if_the_cgroup_was_the_containers)},
};

CHECK_MAIN_IN_CHILDREN(tests)
