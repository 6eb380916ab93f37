#include "hierarchies.h"
#include "monitor.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <time.h>

static struct monitor monitor;
/* Each test's own: everything is below it. */
static char base[128];

/* A directory for the test below a hierarchy. False, with a note, if the host has no such hierarchy. */
static bool enter(const char *controller)
{
	const char *found = hierarchy(controller);

	monitor = (struct monitor){0};
	monitor_initialize(&monitor);
	if (!found) {
		printf("# not tried: there is no cgroup hierarchy with %s here\n", controller ? controller : "v2");
		return false;
	}
	snprintf(base, sizeof(base), "%s%s", found, own_path());
	CHECK(mkdir(base, 0755) == 0);
	return true;
}

static void leave(void)
{
	CHECK(rmdir(base) == 0);
}

static void add(enum cgroup_kind kind, const char *path)
{
	monitor.cgroups[monitor.cgroup_count++] = (struct cgroup){kind, base, path};
}

static const char *file_of(const char *path, const char *name)
{
	static char file[PATH_MAX];

	snprintf(file, sizeof(file), "%s%s/%s", base, path, name);
	return file;
}

static void move(pid_t pid, const char *path)
{
	char text[32];
	int fd = open(file_of(path, "cgroup.procs"), O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	snprintf(text, sizeof(text), "%d", (int)pid);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* A process in a cgroup that waits to be killed. */
static pid_t sleeper_in(const char *path)
{
	pid_t child = fork();

	if (child == 0) {
		for (;;)
			pause();
	}
	move(child, path);
	return child;
}

static void is_killed(pid_t child)
{
	CHECK(status_of(child) == 128 + SIGKILL);
}

static void cgroups_are_made_and_removed(void)
{
	int before;

	if (!enter("pids"))
		return;
	before = count_descriptors();
	add(CGROUP_V1, "/a/b/c");
	CHECK(make_cgroups(&monitor) == 0);
	CHECK(monitor.made_cgroups == 1);
	CHECK(in_hierarchy(base, "/a/b/c"));
	remove_cgroups(&monitor);
	CHECK(!in_hierarchy(base, "/a/b/c"));
	/* What others may share stays. */
	CHECK(in_hierarchy(base, "/a/b"));
	/* Once more, as a cleanup after a cleanup would. */
	remove_cgroups(&monitor);
	CHECK(count_descriptors() == before);
	CHECK(rmdir(file_of("", "a/b")) == 0 && rmdir(file_of("", "a")) == 0);
	leave();
}

static void an_empty_cgroup_that_is_there_is_taken_over(void)
{
	if (!enter("pids"))
		return;
	CHECK(mkdir(file_of("", "a"), 0755) == 0);
	add(CGROUP_V1, "/a");
	CHECK(make_cgroups(&monitor) == 0);
	remove_cgroups(&monitor);
	leave();
}

/* Somebody else's is neither joined nor killed, and what was made before it goes. */
static void a_cgroup_in_use_is_refused_and_survives(void)
{
	pid_t stranger;

	if (!enter("pids"))
		return;
	CHECK(mkdir(file_of("", "used"), 0755) == 0);
	stranger = sleeper_in("/used");
	add(CGROUP_V1, "/own");
	add(CGROUP_V1, "/used");
	add(CGROUP_V1, "/later");
	CHECK(make_cgroups(&monitor) < 0);
	CHECK_HOLDS(monitor.init.failure.text, "linux.cgroupsPath: the cgroup ");
	CHECK_HOLDS(monitor.init.failure.text, "/used is in use by another container");
	remove_cgroups(&monitor);
	CHECK(!in_hierarchy(base, "/own") && in_hierarchy(base, "/used") && !in_hierarchy(base, "/later"));
	CHECK(kill(stranger, 0) == 0);
	CHECK(waitpid(stranger, NULL, WNOHANG) == 0);
	/* With a cgroup below it, it is in use too. */
	kill(stranger, SIGKILL);
	is_killed(stranger);
	CHECK(mkdir(file_of("/used", "below"), 0755) == 0);
	monitor.init.failed = false;
	CHECK(make_cgroups(&monitor) < 0);
	remove_cgroups(&monitor);
	CHECK(in_hierarchy(base, "/used/below"));
	CHECK(rmdir(file_of("/used", "below")) == 0 && rmdir(file_of("", "used")) == 0);
	leave();
}

/* What a monitor that died had perhaps not made itself: only if nobody is in it. */
static void without_a_record_only_empty_ones_go(void)
{
	pid_t stranger;

	if (!enter("pids"))
		return;
	CHECK(mkdir(file_of("", "used"), 0755) == 0 && mkdir(file_of("", "empty"), 0755) == 0);
	stranger = sleeper_in("/used");
	add(CGROUP_V1, "/used");
	add(CGROUP_V1, "/empty");
	add(CGROUP_V1, "/absent");
	remove_empty_cgroups(&monitor);
	CHECK(in_hierarchy(base, "/used") && !in_hierarchy(base, "/empty"));
	CHECK(waitpid(stranger, NULL, WNOHANG) == 0);
	kill(stranger, SIGKILL);
	is_killed(stranger);
	CHECK(rmdir(file_of("", "used")) == 0);
	leave();
}

static void paths_that_cannot_be_are_named(void)
{
	static char path[2 * PATH_MAX];
	int before;

	if (!enter("pids"))
		return;
	before = count_descriptors();
	for (size_t i = 0; i < sizeof(path) - 1; i++)
		path[i] = i % 2 ? 'x' : '/';
	add(CGROUP_V1, path);
	errno = EBUSY;
	CHECK(make_cgroups(&monitor) < 0);
	CHECK(monitor.init.failure.error == ENAMETOOLONG);
	CHECK_HOLDS(monitor.init.failure.text, "linux.cgroupsPath: cannot make the cgroup ");
	remove_cgroups(&monitor);
	monitor.cgroups[0] = (struct cgroup){CGROUP_V1, "/sys/fs/cgroup/absent", "/x"};
	monitor.init.failed = false;
	CHECK(make_cgroups(&monitor) < 0);
	CHECK(monitor.init.failure.error == ENOENT);
	CHECK(count_descriptors() == before);
	leave();
}

/* Also through a parent that somebody has made and left empty. */
static void a_cpuset_begins_with_its_parents_values(void)
{
	char top[64], path[128], cpus[256];
	pid_t child;

	if (!enter("cpuset"))
		return;
	snprintf(top, sizeof(top), "%s", hierarchy("cpuset"));
	snprintf(path, sizeof(path), "%s/a", own_path());
	monitor.cgroups[0] = (struct cgroup){CGROUP_V1_CPUSET, top, path};
	monitor.cgroup_count = 1;
	CHECK(make_cgroups(&monitor) == 0);
	snprintf(cpus, sizeof(cpus), "%.250s", read_text(file_of("/..", "cpuset.cpus")));
	CHECK(strlen(cpus) > 1);
	CHECK_TEXT(read_text(file_of("/a", "cpuset.cpus")), cpus);
	CHECK(strlen(read_text(file_of("/a", "cpuset.mems"))) > 1);
	child = sleeper_in("/a");
	remove_cgroups(&monitor);
	is_killed(child);
	leave();
}

static void settings_are_written_in_order(void)
{
	if (!enter("pids"))
		return;
	add(CGROUP_V1, "/a");
	CHECK(make_cgroups(&monitor) == 0);
	monitor.settings[0] = (struct cgroup_setting){"linux.resources.pids.limit", strdup(file_of("/a", "pids.max")), "7"};
	monitor.settings[1] = (struct cgroup_setting){"linux.resources.pids.limit", strdup(file_of("/a", "pids.max")), "9"};
	monitor.setting_count = 2;
	CHECK(apply_cgroup_settings(&monitor) == 0);
	CHECK_TEXT(read_text(file_of("/a", "pids.max")), "9\n");
	monitor.settings[1].value = "many";
	CHECK(apply_cgroup_settings(&monitor) < 0);
	CHECK(monitor.init.failure.error == EINVAL);
	CHECK_HOLDS(monitor.init.failure.text, "linux.resources.pids.limit: cannot write \"many\" to ");
	CHECK_HOLDS(monitor.init.failure.text, "/a/pids.max: Invalid argument");
	monitor.init.failed = false;
	monitor.settings[1].file = file_of("/a", "pids.no-such-file");
	CHECK(apply_cgroup_settings(&monitor) < 0);
	CHECK(monitor.init.failure.error == ENOENT);
	remove_cgroups(&monitor);
	free((char *)monitor.settings[0].file);
	leave();
}

static void an_init_joins_by_its_tasks_file(void)
{
	pid_t child;
	int fd;

	if (!enter("pids"))
		return;
	add(CGROUP_V1, "/a");
	CHECK(make_cgroups(&monitor) == 0);
	fd = open_join_file(&monitor.cgroups[0]);
	CHECK(fd >= 0 && is_close_on_exec(fd));
	child = fork();
	if (child == 0) {
		CHECK(write(fd, "0", 1) == 1);
		_exit(strstr(read_text("/proc/self/cgroup"), "/a\n") == NULL);
	}
	CHECK(status_of(child) == 0);
	close(fd);
	remove_cgroups(&monitor);
	CHECK(open_join_file(&monitor.cgroups[0]) < 0 && errno == ENOENT);
	leave();
}

static void an_init_is_moved_in_v2(void)
{
	pid_t child;
	char line[128];

	if (!enter(NULL))
		return;
	add(CGROUP_V2, "/a/b");
	CHECK(make_cgroups(&monitor) == 0);
	child = fork();
	if (child == 0) {
		for (;;)
			pause();
	}
	CHECK(join_unified(&monitor.cgroups[0], child) == 0);
	snprintf(line, sizeof(line), "/proc/%d/cgroup", (int)child);
	CHECK_HOLDS(read_text(line), "/a/b\n");
	/* cgroup.kill, where the kernel has it. */
	remove_cgroups(&monitor);
	is_killed(child);
	CHECK(!in_hierarchy(base, "/a/b"));
	CHECK(join_unified(&monitor.cgroups[0], getpid()) < 0);
	CHECK(rmdir(file_of("", "a")) == 0);
	leave();
}

static void what_lives_in_them_is_killed(void)
{
	pid_t top, nested, hidden;

	if (!enter("pids"))
		return;
	add(CGROUP_V1, "/a");
	CHECK(make_cgroups(&monitor) == 0);
	CHECK(mkdir(file_of("/a", "b"), 0755) == 0 && mkdir(file_of("/a/b", "c"), 0755) == 0);
	/* liblxc names some so, and any container with a writable cgroup may. */
	CHECK(mkdir(file_of("/a", ".hidden"), 0755) == 0 && mkdir(file_of("/a/.hidden", "..more"), 0755) == 0);
	top = sleeper_in("/a");
	nested = sleeper_in("/a/b/c");
	hidden = sleeper_in("/a/.hidden/..more");
	remove_cgroups(&monitor);
	is_killed(top);
	is_killed(nested);
	is_killed(hidden);
	CHECK(!in_hierarchy(base, "/a"));
	leave();
}

static void many_processes_are_more_than_one_read(void)
{
	enum { COUNT = 1000 };
	static pid_t children[COUNT];

	if (!enter("pids"))
		return;
	add(CGROUP_V1, "/a");
	CHECK(make_cgroups(&monitor) == 0);
	for (int i = 0; i < COUNT; i++)
		children[i] = sleeper_in("/a");
	remove_cgroups(&monitor);
	for (int i = 0; i < COUNT; i++)
		is_killed(children[i]);
	leave();
}

static void a_deep_tree_is_removed(void)
{
	enum { DEPTH = 200 };
	int directory, next;

	if (!enter("pids"))
		return;
	add(CGROUP_V1, "/a");
	CHECK(make_cgroups(&monitor) == 0);
	directory = open(file_of("", "a"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < DEPTH; i++) {
		CHECK(mkdirat(directory, "x", 0755) == 0);
		next = openat(directory, "x", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		CHECK(next >= 0);
		close(directory);
		directory = next;
	}
	close(directory);
	remove_cgroups(&monitor);
	CHECK(!in_hierarchy(base, "/a"));
	leave();
}

static void write_state(const char *path, const char *state)
{
	int fd = open(file_of(path, "freezer.state"), O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0 && write(fd, state, strlen(state)) == (ssize_t)strlen(state));
	close(fd);
}

static void the_frozen_die_too(void)
{
	pid_t child, below;

	if (!enter("freezer"))
		return;
	add(CGROUP_V1, "/a");
	CHECK(make_cgroups(&monitor) == 0);
	CHECK(mkdir(file_of("/a", "b"), 0755) == 0);
	child = sleeper_in("/a");
	below = sleeper_in("/a/b");
	write_state("/a", "FROZEN");
	remove_cgroups(&monitor);
	is_killed(child);
	is_killed(below);
	CHECK(!in_hierarchy(base, "/a"));
	leave();
}

/* Processes that are never there when the list is read: each lives only until its child does. */
static void nobody_forks_away(void)
{
	const struct timespec moment = {0, 20000000};
	pid_t child;

	if (!enter("freezer"))
		return;
	add(CGROUP_V1, "/a");
	CHECK(make_cgroups(&monitor) == 0);
	child = fork();
	if (child == 0) {
		move(getpid(), "/a");
		alarm(10); /* for the case that the test fails */
		for (;;) {
			pid_t next = fork();

			if (next > 0)
				_exit(0);
			alarm(10);
		}
	}
	CHECK(status_of(child) == 0);
	nanosleep(&moment, NULL);
	remove_cgroups(&monitor);
	CHECK(!in_hierarchy(base, "/a"));
	leave();
}

static const struct check_test tests[] = {
	{TEST(cgroups_are_made_and_removed)},
	{TEST(an_empty_cgroup_that_is_there_is_taken_over)},
	{TEST(a_cgroup_in_use_is_refused_and_survives)},
	{TEST(without_a_record_only_empty_ones_go)},
	{TEST(paths_that_cannot_be_are_named)},
	{TEST(a_cpuset_begins_with_its_parents_values)},
	{TEST(settings_are_written_in_order)},
	{TEST(an_init_joins_by_its_tasks_file)},
	{TEST(an_init_is_moved_in_v2)},
	{TEST(what_lives_in_them_is_killed)},
	{TEST(many_processes_are_more_than_one_read)},
	{TEST(a_deep_tree_is_removed)},
	{TEST(the_frozen_die_too)},
	{TEST(nobody_forks_away)},
};

CHECK_MAIN_IN_CHILDREN(tests)
