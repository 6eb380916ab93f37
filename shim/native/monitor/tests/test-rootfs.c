#include "monitor.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"

#include <errno.h>
#include <sys/statvfs.h>

static struct monitor monitor;

/* What the monitor says in warnings, from now on. */
static int listen_to_monitor(void)
{
	int pair[2];

	CHECK(pipe2(pair, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK(dup2(pair[1], STDERR_FILENO) == STDERR_FILENO);
	close(pair[1]);
	return pair[0];
}

static const char *warnings(int fd)
{
	static char text[4096];
	ssize_t size = read(fd, text, sizeof(text) - 1);

	text[size > 0 ? size : 0] = '\0';
	return text;
}

static void
add(const char *directory, const char *source, const char *target, const char *type, uint64_t flags, const char *data)
{
	monitor.mounts[monitor.mount_count++] = (struct rootfs_mount){directory, source, target, type, data, flags, false};
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

static bool is_read_only(const char *path)
{
	struct statvfs st;

	CHECK(statvfs(path, &st) == 0);
	return st.f_flag & ST_RDONLY;
}

static void enter(void)
{
	enter_empty_root();
	monitor = (struct monitor){0};
	monitor_initialize(&monitor);
	CHECK(mkdir("/rootfs", 0755) == 0 && mkdir("/source", 0755) == 0 && mkdir("/state", 0755) == 0);
	write_text("/source/file", "source");
	CHECK(chdir("/state") == 0);
}

static void a_bind_with_its_options_in_a_second_call(void)
{
	enter();
	add("", "/source", "/rootfs", "none", MS_BIND | MS_REC, "");
	add("", "none", "/rootfs", "none", MS_BIND | MS_REMOUNT | MS_RDONLY, "");
	add("", "none", "/rootfs", "none", MS_PRIVATE, "");
	CHECK(mount_rootfs(&monitor) == 0);
	CHECK_TEXT(read_text("/rootfs/file"), "source");
	CHECK(is_read_only("/rootfs") && !is_read_only("/source"));
	/* Calls that change a mount add none to unmount. */
	CHECK(monitor.mounts[0].mounted && !monitor.mounts[1].mounted && !monitor.mounts[2].mounted);
	unmount_rootfs(&monitor);
	CHECK(mounts_on("/rootfs") == 0);
	CHECK(!monitor.mounts[0].mounted);
	unmount_rootfs(&monitor);
}

static void several_mounts_one_above_the_other(void)
{
	enter();
	add("", "tmpfs", "/rootfs", "tmpfs", MS_NOSUID, "size=64k");
	add("", "/source", "/rootfs", "none", MS_BIND, "");
	CHECK(mount_rootfs(&monitor) == 0);
	CHECK(mounts_on("/rootfs") == 2);
	CHECK_TEXT(read_text("/rootfs/file"), "source");
	unmount_rootfs(&monitor);
	CHECK(mounts_on("/rootfs") == 0);
}

/* What was there before, and is not ours, stays. */
static void the_hosts_own_mount_below_stays(void)
{
	enter();
	CHECK(mount("tmpfs", "/rootfs", "tmpfs", 0, NULL) == 0);
	add("", "/source", "/rootfs", "none", MS_BIND, "");
	add("", "none", "/rootfs", "none", MS_BIND | MS_REMOUNT | MS_RDONLY, "");
	CHECK(mount_rootfs(&monitor) == 0);
	unmount_rootfs(&monitor);
	CHECK(mounts_on("/rootfs") == 1);
}

static void directory_is(const char *expected)
{
	char buffer[256];

	CHECK_TEXT(getcwd(buffer, sizeof(buffer)), expected);
}

static bool has_overlay(void)
{
	return strstr(read_text("/proc/filesystems"), "\toverlay\n") != NULL;
}

/* Many layers are named relative to the directory that they have in common. */
static void an_overlay_of_relative_layers(void)
{
	if (!has_overlay()) {
		printf("# not tried: there is no overlayfs here\n");
		return;
	}
	enter();
	CHECK(mkdir("/layers", 0755) == 0 && mkdir("/layers/1", 0755) == 0 && mkdir("/layers/2", 0755) == 0);
	CHECK(mkdir("/upper", 0755) == 0 && mkdir("/work", 0755) == 0);
	write_text("/layers/1/one", "1");
	write_text("/layers/2/two", "2");
	add("/layers", "overlay", "/rootfs", "overlay", 0, "lowerdir=1:2,upperdir=/upper,workdir=/work");
	CHECK(mount_rootfs(&monitor) == 0);
	CHECK_TEXT(read_text("/rootfs/one"), "1");
	CHECK_TEXT(read_text("/rootfs/two"), "2");
	/* All other files of the monitor are where they were. */
	directory_is("/state");
	unmount_rootfs(&monitor);
	CHECK(mounts_on("/rootfs") == 0);
}

static void what_cannot_be_mounted_is_named(void)
{
	int before;

	enter();
	before = count_descriptors();
	add("", "tmpfs", "/rootfs", "tmpfs", 0, "");
	add("", "what", "/rootfs", "nosuchfs", 0, "");
	CHECK(mount_rootfs(&monitor) < 0);
	CHECK(monitor.init.failure.error == ENODEV);
	CHECK_TEXT(monitor.init.failure.text, "rootfs[1]: cannot mount what (nosuchfs) on /rootfs: No such device");
	/* The first one is there, and is removed. */
	CHECK(mounts_on("/rootfs") == 1);
	unmount_rootfs(&monitor);
	CHECK(mounts_on("/rootfs") == 0);
	CHECK(count_descriptors() == before);
}

static void a_directory_that_is_missing_is_named(void)
{
	enter();
	add("/absent", "overlay", "/rootfs", "overlay", 0, "lowerdir=1:2");
	CHECK(mount_rootfs(&monitor) < 0);
	CHECK_TEXT(monitor.init.failure.text, "rootfs[0]: cannot enter /absent: No such file or directory");
	directory_is("/state");
	/* Also when it was entered in vain. */
	monitor.mount_count = 0;
	monitor.init.failed = false;
	add("/source", "overlay", "/rootfs", "nosuchfs", 0, "lowerdir=1:2");
	CHECK(mount_rootfs(&monitor) < 0);
	directory_is("/state");
}

static void what_is_in_use_goes_with_its_last_user(void)
{
	int messages, file;

	enter();
	messages = listen_to_monitor();
	add("", "tmpfs", "/rootfs", "tmpfs", 0, "");
	CHECK(mount_rootfs(&monitor) == 0);
	write_text("/rootfs/file", "in use");
	file = open("/rootfs/file", O_RDONLY | O_CLOEXEC);
	CHECK(file >= 0);
	unmount_rootfs(&monitor);
	CHECK(mounts_on("/rootfs") == 0);
	CHECK_HOLDS(warnings(messages), "cannot unmount /rootfs: Device or resource busy; it is detached");
	close(file);
}

/* Only for a moment: then there is no need for more. */
static void what_is_in_use_for_a_moment_is_waited_for(void)
{
	const struct timespec moment = {0, 20000000};
	int messages, ends[2];
	pid_t child;
	char byte;

	enter();
	messages = listen_to_monitor();
	add("", "tmpfs", "/rootfs", "tmpfs", 0, "");
	CHECK(mount_rootfs(&monitor) == 0);
	CHECK(pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		int directory = open("/rootfs", O_RDONLY | O_CLOEXEC);

		CHECK(write(ends[1], "x", 1) == 1);
		nanosleep(&moment, NULL);
		_exit(directory < 0);
	}
	CHECK(read(ends[0], &byte, 1) == 1);
	unmount_rootfs(&monitor);
	CHECK(mounts_on("/rootfs") == 0);
	CHECK_TEXT(warnings(messages), "");
	CHECK(status_of(child) == 0);
}

static void what_is_gone_already_is_no_fault(void)
{
	int messages;

	enter();
	messages = listen_to_monitor();
	add("", "tmpfs", "/rootfs", "tmpfs", 0, "");
	CHECK(mount_rootfs(&monitor) == 0);
	CHECK(umount2("/rootfs", 0) == 0);
	unmount_rootfs(&monitor);
	CHECK(mount_rootfs(&monitor) == 0);
	CHECK(umount2("/rootfs", 0) == 0 && rmdir("/rootfs") == 0);
	unmount_rootfs(&monitor);
	CHECK_TEXT(warnings(messages), "");
}

/* The target is containerd's. Should somebody have put a link there, what it leads to stays. */
static void a_link_is_not_followed(void)
{
	enter();
	listen_to_monitor();
	CHECK(mount("tmpfs", "/source", "tmpfs", 0, NULL) == 0);
	CHECK(rmdir("/rootfs") == 0 && symlink("/source", "/rootfs") == 0);
	add("", "tmpfs", "/rootfs", "tmpfs", 0, "");
	monitor.mounts[0].mounted = true;
	unmount_rootfs(&monitor);
	CHECK(mounts_on("/source") == 1);
}

static const struct check_test tests[] = {
	{TEST(a_bind_with_its_options_in_a_second_call)}, {TEST(several_mounts_one_above_the_other)},
	{TEST(the_hosts_own_mount_below_stays)},          {TEST(an_overlay_of_relative_layers)},
	{TEST(what_cannot_be_mounted_is_named)},          {TEST(a_directory_that_is_missing_is_named)},
	{TEST(what_is_in_use_goes_with_its_last_user)},   {TEST(what_is_in_use_for_a_moment_is_waited_for)},
	{TEST(what_is_gone_already_is_no_fault)},         {TEST(a_link_is_not_followed)},
};

CHECK_MAIN_IN_CHILDREN(tests)
