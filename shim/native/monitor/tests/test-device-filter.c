#include "hierarchies.h"
#include "monitor.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"

#include <errno.h>

/* r0 = 1 or 0; exit */
#define ALLOW "b4000000010000009500000000000000"
#define DENY "b4000000000000009500000000000000"

static struct monitor monitor;
static char cgroup[128];

static int attach(const char *program)
{
	monitor = (struct monitor){.device_filter = program, .device_cgroup = cgroup};
	errno = 0;
	return attach_device_filter(&monitor);
}

static bool enter(void)
{
	const char *base = hierarchy(NULL);

	if (!base) {
		printf("# not tried: there is no cgroup v2 here\n");
		return false;
	}
	snprintf(cgroup, sizeof(cgroup), "%s%s", base, own_path());
	CHECK(mkdir(cgroup, 0755) == 0);
	return true;
}

/* Whether a process in the cgroup may open a device: 0 or errno. */
static int open_inside(const char *path)
{
	pid_t child = fork();
	char procs[160];
	int fd;

	if (child == 0) {
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", cgroup);
		fd = open(procs, O_WRONLY | O_CLOEXEC);
		CHECK(fd >= 0 && write(fd, "0", 1) == 1);
		_exit(open(path, O_RDONLY | O_CLOEXEC) < 0 ? errno : 0);
	}
	return status_of(child);
}

static void the_program_decides(void)
{
	int before, result;

	if (!enter())
		return;
	before = count_descriptors();
	CHECK(open_inside("/dev/zero") == 0);
	result = attach(ALLOW);
	if (result < 0 && (monitor.init.failure.error == EPERM || monitor.init.failure.error == EINVAL)) {
		printf("# not tried: %s\n", monitor.init.failure.text);
		CHECK(rmdir(cgroup) == 0);
		return;
	}
	CHECK(result == 0);
	CHECK(open_inside("/dev/zero") == 0);
	CHECK(attach(DENY) == 0);
	CHECK(open_inside("/dev/zero") == EPERM);
	CHECK(open_inside("/etc/passwd") == 0);
	CHECK(count_descriptors() == before);
	CHECK(rmdir(cgroup) == 0);
}

static void without_one_nothing_is_done(void)
{
	CHECK(attach(NULL) == 0);
}

static void what_is_no_program_is_refused(void)
{
	static char too_long[2 * 8 * 4097 + 1];
	static const char *const texts[] = {
		"",
		"b4",
		"b400000001000000950000000000000",
		"B4000000010000009500000000000000",
		"b40000000100000095000000000000 0",
		"b4000000010000009500000000000000\n",
	};
	int before = count_descriptors();

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CHECK(attach(texts[i]) < 0);
		CHECK(monitor.init.failure.error == EPROTO);
		CHECK_HOLDS(monitor.init.failure.text, "linux.resources.devices: cannot attach the device filter: ");
	}
	memset(too_long, '0', sizeof(too_long) - 1);
	CHECK(attach(too_long) < 0 && monitor.init.failure.error == EPROTO);
	/* What only the kernel can tell: an instruction that does not exist, and a cgroup that does not. */
	CHECK(attach("ffffffffffffffff") < 0 && monitor.init.failure.error != EPROTO);
	strcpy(cgroup, "/sys/fs/cgroup/absent");
	CHECK(attach(ALLOW) < 0);
	CHECK(count_descriptors() == before);
}

static const struct check_test tests[] = {
	{TEST(the_program_decides)},
	{TEST(without_one_nothing_is_done)},
	{TEST(what_is_no_program_is_refused)},
};

CHECK_MAIN_IN_CHILDREN(tests)
