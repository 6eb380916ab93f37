#include "monitor.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"
#include "testing/temp-dir.h"

#include <errno.h>

static struct monitor monitor;

static int check(const char *name, uint32_t type, const char *path)
{
	monitor = (struct monitor){.namespace_count = 1};
	monitor.namespaces[0] = (struct joined_namespace){"linux.namespaces[3].path", name, path, type};
	return check_namespaces(&monitor);
}

static void the_type_must_be_the_one_that_is_named(void)
{
	int before = count_descriptors();

	CHECK(check("network", CLONE_NEWNET, "/proc/self/ns/net") == 0);
	CHECK(check("pid", CLONE_NEWPID, "/proc/self/ns/pid") == 0);
	CHECK(check("user", CLONE_NEWUSER, "/proc/self/ns/user") == 0);
	CHECK(check("network", CLONE_NEWNET, "/proc/self/ns/ipc") < 0);
	CHECK_TEXT(monitor.init.failure.text, "linux.namespaces[3].path: /proc/self/ns/ipc is no network namespace");
	CHECK(monitor.init.failure.error == EINVAL);
	CHECK(count_descriptors() == before);
}

/* A test that hangs has failed. */
static void what_is_no_namespace_is_refused(void)
{
	int before = count_descriptors();

	enter_temp_dir();
	CHECK(mkfifo("fifo", 0600) == 0);
	write_text("file", "");
	CHECK(check("pid", CLONE_NEWPID, "fifo") < 0 && monitor.init.failure.error == EINVAL);
	CHECK(check("pid", CLONE_NEWPID, "file") < 0 && monitor.init.failure.error == EINVAL);
	CHECK(check("pid", CLONE_NEWPID, "/") < 0 && monitor.init.failure.error == EINVAL);
	CHECK(check("pid", CLONE_NEWPID, "/dev/null") < 0 && monitor.init.failure.error == EINVAL);
	CHECK(check("pid", CLONE_NEWPID, "absent") < 0 && monitor.init.failure.error == ENOENT);
	CHECK_HOLDS(monitor.init.failure.text, "linux.namespaces[3].path: cannot open absent: ");
	CHECK(count_descriptors() == before);
	leave_temp_dir();
}

static const struct check_test tests[] = {
	{TEST(the_type_must_be_the_one_that_is_named)},
	{TEST(what_is_no_namespace_is_refused)},
};

CHECK_MAIN(tests)
