#include "setup.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define BIT(capability) (UINT64_C(1) << (capability))

static struct setup setup;

/* A line of /proc/self/status, without its name. */
static const char *status_line(const char *name)
{
	static char value[256];
	const char *text = read_text("/proc/self/status");
	char pattern[32];

	snprintf(pattern, sizeof(pattern), "\n%s:", name);
	text = strstr(text, pattern);
	CHECK(text);
	text += strlen(pattern);
	text += strspn(text, " \t");
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(text, "\n"), text);
	return value;
}

static uint64_t capability_set(const char *name)
{
	return strtoull(status_line(name), NULL, 16);
}

/* Every capability that can be had here: those of the kernel, unless the tests run in a container themselves. */
static uint64_t all_capabilities(void)
{
	return capability_set("CapPrm");
}

static void take(void)
{
	if (take_credentials(&setup) < 0) {
		struct gate_failure failure = describe_failure(&setup);

		printf("# %s\n", failure.text);
		CHECK(!"take_credentials succeeds");
	}
}

static void fails(int error, const char *text)
{
	CHECK(take_credentials(&setup) < 0);
	CHECK(errno == error);
	CHECK_HOLDS(describe_failure(&setup).text, text);
}

static void a_user_without_capabilities_has_none(void)
{
	setup = (struct setup){.uid = 1000, .gid = 1001, .may_set_groups = true, .umask = 027};
	setup.groups[0] = 5;
	setup.groups[1] = 4294967294u;
	setup.group_count = 2;
	take();
	CHECK_TEXT(status_line("Uid"), "1000\t1000\t1000\t1000");
	CHECK_TEXT(status_line("Gid"), "1001\t1001\t1001\t1001");
	CHECK_HOLDS(status_line("Groups"), "5 4294967294");
	CHECK_TEXT(status_line("Umask"), "0027");
	CHECK(capability_set("CapInh") == 0);
	CHECK(capability_set("CapPrm") == 0);
	CHECK(capability_set("CapEff") == 0);
	CHECK(capability_set("CapBnd") == 0);
	CHECK(capability_set("CapAmb") == 0);
	CHECK_TEXT(status_line("NoNewPrivs"), "0");
	CHECK(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0) == 0);
	/* And there is no way back. */
	CHECK(setuid(0) < 0 && errno == EPERM);
}

static void the_five_sets_are_told_apart(void)
{
	setup = (struct setup){.uid = 1000, .gid = 1000, .may_set_groups = true};
	setup.capabilities.bounding = BIT(CAP_CHOWN) | BIT(CAP_KILL) | BIT(CAP_NET_RAW) | BIT(CAP_MKNOD);
	setup.capabilities.permitted = BIT(CAP_CHOWN) | BIT(CAP_KILL) | BIT(CAP_NET_RAW);
	setup.capabilities.effective = BIT(CAP_CHOWN) | BIT(CAP_KILL);
	setup.capabilities.inheritable = BIT(CAP_KILL) | BIT(CAP_NET_RAW);
	setup.capabilities.ambient = BIT(CAP_KILL);
	take();
	CHECK(capability_set("CapBnd") == setup.capabilities.bounding);
	CHECK(capability_set("CapPrm") == setup.capabilities.permitted);
	CHECK(capability_set("CapEff") == setup.capabilities.effective);
	CHECK(capability_set("CapInh") == setup.capabilities.inheritable);
	CHECK(capability_set("CapAmb") == setup.capabilities.ambient);
	CHECK_TEXT(status_line("Groups"), "");
}

static void root_gets_no_more_than_is_asked_for(void)
{
	setup = (struct setup){.may_set_groups = true};
	setup.capabilities.bounding = BIT(CAP_CHOWN) | BIT(CAP_SETUID);
	setup.capabilities.permitted = setup.capabilities.effective = setup.capabilities.bounding;
	take();
	CHECK(capability_set("CapBnd") == (BIT(CAP_CHOWN) | BIT(CAP_SETUID)));
	CHECK(capability_set("CapPrm") == (BIT(CAP_CHOWN) | BIT(CAP_SETUID)));
	CHECK(capability_set("CapEff") == (BIT(CAP_CHOWN) | BIT(CAP_SETUID)));
	CHECK(capability_set("CapInh") == 0);
	CHECK_TEXT(status_line("Uid"), "0\t0\t0\t0");
}

/* What is asked for beyond the kernel's last capability cannot be had, and does not disturb. */
static void all_capabilities_of_this_kernel(void)
{
	uint64_t all = all_capabilities();

	setup = (struct setup){.uid = 7, .gid = 7, .may_set_groups = true};
	setup.capabilities = (struct capability_sets){UINT64_MAX, all, all, all, all};
	take();
	CHECK(capability_set("CapBnd") == all);
	CHECK(capability_set("CapPrm") == all);
	CHECK(capability_set("CapEff") == all);
	CHECK(capability_set("CapInh") == all);
	CHECK(capability_set("CapAmb") == all);
}

/* Earlier ambient capabilities are gone. */
static void the_ambient_set_is_exact(void)
{
	uint64_t all = all_capabilities();

	setup = (struct setup){.may_set_groups = true};
	setup.capabilities =
		(struct capability_sets){all, all, all, BIT(CAP_CHOWN) | BIT(CAP_KILL), BIT(CAP_CHOWN) | BIT(CAP_KILL)};
	take();
	CHECK(capability_set("CapAmb") == (BIT(CAP_CHOWN) | BIT(CAP_KILL)));
	setup.capabilities.ambient = BIT(CAP_KILL);
	take();
	CHECK(capability_set("CapAmb") == BIT(CAP_KILL));
}

static void ambient_needs_permitted_and_inheritable(void)
{
	setup = (struct setup){.uid = 1000, .may_set_groups = true};
	setup.capabilities.bounding = setup.capabilities.permitted = BIT(CAP_KILL);
	setup.capabilities.ambient = BIT(CAP_KILL);
	fails(EPERM, "process.capabilities.ambient: cannot raise a capability");
}

static void effective_needs_permitted(void)
{
	setup = (struct setup){.may_set_groups = true};
	setup.capabilities.bounding = BIT(CAP_KILL);
	setup.capabilities.effective = BIT(CAP_KILL);
	fails(EPERM, "process.capabilities: cannot set the capabilities");
}

static void without_setgroups_the_groups_stay(void)
{
	const gid_t group = 42;

	CHECK(setgroups(1, &group) == 0);
	setup = (struct setup){.uid = 1000, .gid = 1000};
	take();
	CHECK_HOLDS(status_line("Groups"), "42");
}

static void limits_are_set_as_they_are_asked_for(void)
{
	static const struct rlimit_request requests[] = {
		{RLIMIT_CPU, 100, 200},    {RLIMIT_FSIZE, 1 << 30, RLIM_INFINITY}, {RLIMIT_CORE, 0, 0},
		{RLIMIT_NOFILE, 100, 200}, {RLIMIT_STACK, 1 << 20, 1 << 30},       {RLIMIT_MSGQUEUE, 5, 819200},
	};
	struct rlimit limit;

	setup = (struct setup){.uid = 1000, .gid = 1000, .may_set_groups = true};
	setup.rlimit_count = sizeof(requests) / sizeof(requests[0]);
	memcpy(setup.rlimits, requests, sizeof(requests));
	take();
	for (size_t i = 0; i < setup.rlimit_count; i++) {
		CHECK(getrlimit((int)requests[i].resource, &limit) == 0);
		CHECK(limit.rlim_cur == requests[i].soft && limit.rlim_max == requests[i].hard);
	}
}

/* While it may: the user is not privileged any more afterwards. */
static void limits_may_be_raised(void)
{
	struct rlimit limit = {64, 64};

	if (!(all_capabilities() & BIT(CAP_SYS_RESOURCE))) {
		printf("# not tried: these tests run without CAP_SYS_RESOURCE\n");
		return;
	}
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	setup = (struct setup){.uid = 1000, .may_set_groups = true, .rlimit_count = 1};
	setup.rlimits[0] = (struct rlimit_request){RLIMIT_NOFILE, 512, 1024};
	take();
	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	CHECK(limit.rlim_cur == 512 && limit.rlim_max == 1024);
}

static void a_limit_that_the_kernel_refuses_is_named(void)
{
	setup = (struct setup){.may_set_groups = true, .rlimit_count = 1};
	setup.rlimits[0] = (struct rlimit_request){RLIMIT_NOFILE, 20, 10};
	fails(EINVAL, "process.rlimits[0]: cannot set the limit to ");
	setup.failure[0] = '\0';
	setup.rlimits[0] = (struct rlimit_request){1000, 1, 1};
	fails(EINVAL, "process.rlimits[0]: ");
}

static void no_new_privileges_is_set_for_good(void)
{
	setup = (struct setup){.uid = 1000, .may_set_groups = true, .no_new_privileges = true};
	take();
	CHECK_TEXT(status_line("NoNewPrivs"), "1");
}

static void the_personality_is_set_when_it_is_asked_for(void)
{
	uint64_t all = all_capabilities();

	setup = (struct setup){.may_set_groups = true, .set_personality = true, .personality = PER_LINUX32};
	setup.capabilities = (struct capability_sets){all, all, all, 0, 0};
	take();
	CHECK(personality(0xffffffff) == PER_LINUX32);
	setup.set_personality = false;
	setup.personality = 0;
	take();
	CHECK(personality(0xffffffff) == PER_LINUX32);
}

static void directory_is(const char *expected)
{
	char buffer[256];

	CHECK_TEXT(getcwd(buffer, sizeof(buffer)), expected);
}

static void the_directory_is_entered_by_whoever_may(void)
{
	enter_empty_root();
	CHECK(mkdir("/closed", 0700) == 0);
	/* Root may, the user not. */
	setup = (struct setup){.uid = 1000, .gid = 1000, .may_set_groups = true, .cwd = "/closed"};
	take();
	directory_is("/closed");
}

/* As on NFS, where root is nobody: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH are not there. */
static void forget_access_rights(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	CHECK(syscall(SYS_capget, &header, data) == 0);
	data[0].effective &= ~(uint32_t)(BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH));
	data[0].permitted = data[0].effective;
	CHECK(syscall(SYS_capset, &header, data) == 0);
}

static void the_directory_may_be_the_users_alone(void)
{
	enter_empty_root();
	CHECK(mkdir("/home", 0700) == 0 && chown("/home", 1000, 1000) == 0);
	setup = (struct setup){.uid = 1000, .gid = 1000, .may_set_groups = true, .cwd = "/home"};
	forget_access_rights();
	CHECK(access("/home/.", F_OK) < 0 && errno == EACCES);
	take();
	directory_is("/home");
}

static void a_directory_that_cannot_be_entered_is_named(void)
{
	enter_empty_root();
	setup = (struct setup){.uid = 1000, .may_set_groups = true, .cwd = "/absent"};
	fails(ENOENT, "process.cwd: chdir to cwd (\"/absent\") set in config.json failed: ");
}

static void without_a_directory_it_stays(void)
{
	enter_empty_root();
	CHECK(chdir("/proc") == 0);
	setup = (struct setup){.may_set_groups = true};
	take();
	directory_is("/proc");
}

/* In a user namespace with one id only: who else is nobody there. */
static void an_id_that_the_namespace_does_not_have_is_refused(void)
{
	CHECK(unshare(CLONE_NEWUSER) == 0);
	write_text("/proc/self/setgroups", "deny");
	write_text("/proc/self/uid_map", "0 0 1");
	write_text("/proc/self/gid_map", "0 0 1");
	setup = (struct setup){.may_set_groups = true, .group_count = 0};
	fails(EPERM, "process.user.additionalGids: cannot set the groups");
	setup.failure[0] = '\0';
	setup.may_set_groups = false;
	setup.gid = 5;
	fails(EINVAL, "process.user.gid: cannot become the group");
	setup.failure[0] = '\0';
	setup.gid = 0;
	setup.uid = 5;
	fails(EINVAL, "process.user.uid: cannot become the user");
}

/* Standard streams: on 0 to 2, open across exec, and the user's. */
static void streams_are_installed_and_given_to_the_user(void)
{
	struct stat st;
	int null, before;

	enter_empty_root();
	setup = (struct setup){.uid = 1000, .gid = 1000, .fd_count = SETUP_TREES};
	CHECK(mkfifo("/fifo", 0600) == 0);
	write_text("/file", "");
	CHECK(chown("/file", 0, 77) == 0);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	setup.fds[SETUP_STDIN] = fcntl(null, F_DUPFD_CLOEXEC, 10);
	close(null);
	setup.fds[SETUP_STDOUT] = open("/fifo", O_RDWR | O_CLOEXEC);
	setup.fds[SETUP_STDERR] = open("/file", O_WRONLY | O_CLOEXEC);
	before = count_descriptors();
	CHECK(install_stdio(&setup) == 0);
	CHECK(count_descriptors() == before - 3);
	for (int fd = 0; fd <= 2; fd++)
		CHECK(!is_close_on_exec(fd));
	CHECK(fstat(0, &st) == 0 && st.st_rdev == makedev(1, 3) && st.st_uid == 0);
	CHECK(fstat(1, &st) == 0 && S_ISFIFO(st.st_mode) && st.st_uid == 1000);
	CHECK(fstat(2, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 1000 && st.st_gid == 77);
}

static void a_stream_that_is_missing_is_an_error(void)
{
	setup = (struct setup){.fd_count = SETUP_TREES};
	setup.fds[SETUP_STDIN] = dup(0);
	setup.fds[SETUP_STDERR] = dup(2);
	setup.fds[SETUP_STDOUT] = 999;
	CHECK(install_stdio(&setup) < 0 && errno == EBADF);
	CHECK_HOLDS(describe_failure(&setup).text, "stdio: cannot install a standard stream: ");
}

static const struct check_test tests[] = {
	{TEST(a_user_without_capabilities_has_none)},
	{TEST(the_five_sets_are_told_apart)},
	{TEST(root_gets_no_more_than_is_asked_for)},
	{TEST(all_capabilities_of_this_kernel)},
	{TEST(the_ambient_set_is_exact)},
	{TEST(ambient_needs_permitted_and_inheritable)},
	{TEST(effective_needs_permitted)},
	{TEST(without_setgroups_the_groups_stay)},
	{TEST(limits_are_set_as_they_are_asked_for)},
	{TEST(limits_may_be_raised)},
	{TEST(a_limit_that_the_kernel_refuses_is_named)},
	{TEST(no_new_privileges_is_set_for_good)},
	{TEST(the_personality_is_set_when_it_is_asked_for)},
	{TEST(the_directory_is_entered_by_whoever_may)},
	{TEST(the_directory_may_be_the_users_alone)},
	{TEST(a_directory_that_cannot_be_entered_is_named)},
	{TEST(without_a_directory_it_stays)},
	{TEST(an_id_that_the_namespace_does_not_have_is_refused)},
	{TEST(streams_are_installed_and_given_to_the_user)},
	{TEST(a_stream_that_is_missing_is_an_error)},
};

CHECK_MAIN_IN_CHILDREN(tests)
