#include "operations.h"
#include "testing/check.h"

#include <sys/utsname.h>

static void the_payload_is_what_was_said(void)
{
	setup = (struct setup){0};
	CHECK(
		operate(
			"arg", "sh", "env", "A=1", "arg", "", "arg", "two words\nand \"lines\"", "env", "B=", "cwd", "/x/ y",
			NULL) == 0);
	CHECK(setup.arguments.count == 3);
	CHECK_TEXT(setup.arguments.words[0], "sh");
	CHECK_TEXT(setup.arguments.words[1], "");
	CHECK_TEXT(setup.arguments.words[2], "two words\nand \"lines\"");
	CHECK(!setup.arguments.words[3]);
	CHECK(setup.environment.count == 2);
	CHECK_TEXT(setup.environment.words[0], "A=1");
	CHECK_TEXT(setup.environment.words[1], "B=");
	CHECK(!setup.environment.words[2]);
	CHECK_TEXT(setup.cwd, "/x/ y");
}

static void lists_grow_as_long_as_they_must(void)
{
	enum { COUNT = 5000 };
	static char plan[COUNT * 32];
	size_t size = 0;

	for (int i = 0; i < COUNT; i++)
		size += (size_t)sprintf(plan + size, "arg%c%d%cenv%c%d", 0, i, 0, 0, -i) + 1;
	setup = (struct setup){.fds = {file_with(plan, size)}};
	CHECK(run_setup_plan(&setup) == 0);
	CHECK(setup.arguments.count == COUNT && setup.environment.count == COUNT);
	for (int i = 0; i < COUNT; i++) {
		CHECK(atoi(setup.arguments.words[i]) == i);
		CHECK(atoi(setup.environment.words[i]) == -i);
	}
	CHECK(!setup.arguments.words[COUNT] && !setup.environment.words[COUNT]);
}

static void a_plan_without_anything_to_execute_is_none(void)
{
	setup = (struct setup){0};
	CHECK(operate("cwd", "/", NULL) == EINVAL);
	CHECK_TEXT(failure_text(EINVAL), "process.args: Invalid argument");
}

static void a_plan_that_cannot_be_read_is_named(void)
{
	setup = (struct setup){.fds = {file_with("no end", 6)}};
	CHECK(run_setup_plan(&setup) < 0);
	CHECK_TEXT(failure_text(errno), "init.plan: Invalid argument");
	setup = (struct setup){0};
	CHECK(operate("no-such-operation", NULL) == EPROTO);
	CHECK_TEXT(failure_text(EPROTO), "init.plan: Protocol error");
	CHECK(operate("field", "mounts[3]", "mount", "tmpfs", NULL) == EPROTO);
	CHECK_TEXT(failure_text(EPROTO), "mounts[3]: Protocol error");
}

static void credentials_are_noted(void)
{
	setup = (struct setup){0};
	CHECK(
		OPERATE(
			"user", "4294967295", "7", "18", "1", "group", "5", "group", "6", "no-new-privileges", "personality",
			"8") == 0);
	CHECK(setup.uid == UINT32_MAX && setup.gid == 7 && setup.umask == 022 && setup.may_set_groups);
	CHECK(setup.group_count == 2 && setup.groups[0] == 5 && setup.groups[1] == 6);
	CHECK(setup.no_new_privileges && setup.set_personality && setup.personality == 8);
	CHECK(OPERATE("user", "1", "1", "0", "0") == 0);
	CHECK(!setup.may_set_groups);
	CHECK(OPERATE("user", "-1", "1", "0", "0") == EINVAL);
	CHECK(OPERATE("user", "1", "4294967296", "0", "0") == ERANGE);
	CHECK(OPERATE("group", "x") == EINVAL);
}

static void capability_sets_are_hexadecimal(void)
{
	const struct capability_sets *sets = &setup.capabilities;

	setup = (struct setup){0};
	CHECK(OPERATE("capabilities", "1", "2", "4", "8", "ffffffffffffffff") == 0);
	CHECK(sets->bounding == 1 && sets->effective == 2 && sets->permitted == 4 && sets->inheritable == 8);
	CHECK(sets->ambient == UINT64_MAX);
	CHECK(OPERATE("capabilities", "1", "2", "4", "8", "10000000000000000") == ERANGE);
	CHECK(OPERATE("capabilities", "CAP_KILL", "2", "4", "8", "1") == EINVAL);
}

static void limits_are_noted(void)
{
	setup = (struct setup){0};
	CHECK(OPERATE("rlimit", "7", "1", "18446744073709551615") == 0);
	CHECK(setup.rlimit_count == 1 && setup.rlimits[0].resource == 7);
	CHECK(setup.rlimits[0].soft == 1 && setup.rlimits[0].hard == UINT64_MAX);
	CHECK(OPERATE("rlimit", "7", "-1", "1") == EINVAL);
}

/* What is more than there is place for is refused, and nothing is written beyond it. */
static void too_much_is_refused(void)
{
	static char plan[16 * (SETUP_MAX_GROUPS + 1)];
	size_t size = 0;

	for (int i = 0; i < SETUP_MAX_GROUPS + 1; i++)
		size += (size_t)sprintf(plan + size, "group%c%d", 0, i) + 1;
	setup = (struct setup){.fds = {file_with(plan, size)}};
	CHECK(run_setup_plan(&setup) < 0 && errno == E2BIG);
	CHECK(setup.group_count == SETUP_MAX_GROUPS && setup.groups[SETUP_MAX_GROUPS - 1] == SETUP_MAX_GROUPS - 1);
	size = 0;
	for (int i = 0; i < SETUP_MAX_RLIMITS + 1; i++)
		size += (size_t)sprintf(plan + size, "rlimit%c1%c1%c1", 0, 0, 0) + 1;
	setup = (struct setup){.fds = {file_with(plan, size)}};
	CHECK(run_setup_plan(&setup) < 0 && errno == E2BIG);
	CHECK(setup.rlimit_count == SETUP_MAX_RLIMITS);
}

/* Files in place of those of cgroups: what would be written there. */
static void joining_writes_to_each_file(void)
{
	char text[4] = "";

	setup = (struct setup){.fd_count = SETUP_TREES + 2};
	setup.fds[SETUP_TREES] = memfd_create("one", MFD_CLOEXEC);
	setup.fds[SETUP_TREES + 1] = memfd_create("other", MFD_CLOEXEC);
	for (int i = 0; i < 2; i++) {
		int copy = dup(setup.fds[SETUP_TREES + i]);

		CHECK(copy >= 0);
		setup.fds[SETUP_TREES + 2 + i] = copy;
	}
	CHECK(OPERATE("join", "2") == 0);
	CHECK(setup.join_count == 2);
	for (int i = 0; i < 2; i++) {
		CHECK(pread(setup.fds[SETUP_TREES + 2 + i], text, sizeof(text), 0) == 1 && text[0] == '0');
		CHECK(setup.fds[SETUP_TREES + i] == -1);
	}
	CHECK(OPERATE("join", "3") == EPROTO);
	CHECK(OPERATE("join", "4294967295") == EPROTO);
	setup.fds[SETUP_TREES] = open("/dev/full", O_WRONLY | O_CLOEXEC);
	CHECK(OPERATE("join", "1") == ENOSPC);
	CHECK_HOLDS(failure_text(ENOSPC), "the.field: cannot join a cgroup: ");
}

/* A hierarchy of v1 that every machine with v1 has. */
#define HIERARCHY "/sys/fs/cgroup/pids"

static char cgroup[64];

static void join_and_look(void)
{
	char path[128];
	const char *line;

	snprintf(path, sizeof(path), "%s/tasks", cgroup);
	setup = (struct setup){.fd_count = SETUP_TREES + 1};
	setup.fds[SETUP_TREES] = open(path, O_WRONLY | O_CLOEXEC);
	CHECK(setup.fds[SETUP_TREES] >= 0);
	CHECK(OPERATE("join", "1") == 0);
	line = strstr(read_text("/proc/self/cgroup"), ":pids:");
	CHECK(line && strncmp(line + 6, strrchr(cgroup, '/'), strlen(strrchr(cgroup, '/'))) == 0);
	CHECK(OPERATE("cgroup-namespace") == 0);
	line = strstr(read_text("/proc/self/cgroup"), ":pids:");
	CHECK(line && strncmp(line + 6, "/\n", 2) == 0);
}

static void the_init_joins_its_cgroup(void)
{
	if (access(HIERARCHY "/tasks", F_OK) < 0) {
		printf("# not tried: there is no cgroup v1 here\n");
		return;
	}
	snprintf(cgroup, sizeof(cgroup), HIERARCHY "/lxcri-test-init-%d", (int)getpid());
	CHECK(mkdir(cgroup, 0755) == 0);
	in_child(join_and_look);
	CHECK(rmdir(cgroup) == 0);
}

static void names_of_the_host_can_be_set(void)
{
	struct utsname name;

	CHECK(unshare(CLONE_NEWUTS) == 0);
	setup = (struct setup){0};
	CHECK(OPERATE("hostname", "box", "domainname", "example.org") == 0);
	CHECK(uname(&name) == 0);
	CHECK_TEXT(name.nodename, "box");
	CHECK_TEXT(name.domainname, "example.org");
}

static const struct check_test tests[] = {
	{TEST(the_payload_is_what_was_said)},
	{TEST(lists_grow_as_long_as_they_must)},
	{TEST(a_plan_without_anything_to_execute_is_none)},
	{TEST(a_plan_that_cannot_be_read_is_named)},
	{TEST(credentials_are_noted)},
	{TEST(capability_sets_are_hexadecimal)},
	{TEST(limits_are_noted)},
	{TEST(too_much_is_refused)},
	{TEST(joining_writes_to_each_file)},
	{TEST(the_init_joins_its_cgroup)},
	{TEST(names_of_the_host_can_be_set)},
};

CHECK_MAIN_IN_CHILDREN(tests)
