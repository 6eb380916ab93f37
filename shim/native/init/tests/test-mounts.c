#include "../common/kernel.h"
#include "operations.h"
#include "testing/check.h"

#include <limits.h>
#include <sys/statvfs.h>

/* MOUNT_ATTR_* of mount_setattr(2), as a plan has them. */
#define RDONLY "1"
#define NOSUID "2"
#define NODEV "4"

#define HAS(path, flag) ((flags_of(path) & (flag)) != 0)

static unsigned long flags_of(const char *path)
{
	struct statvfs st;

	CHECK(statvfs(path, &st) == 0);
	return st.f_flag;
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	CHECK(stat(path, &st) == 0);
	return st.st_ino;
}

/* The line of mountinfo whose mount point this is; the last one is on top. */
static const char *mount_line(const char *path)
{
	static char found[1024];
	char pattern[256];
	const char *text = read_text("/proc/self/mountinfo");

	found[0] = '\0';
	snprintf(pattern, sizeof(pattern), " %s ", path);
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
		const char *rest = line;

		for (int field = 1; field < 5; field++)
			rest = strchr(rest + 1, ' ');
		if (strncmp(rest, pattern, strlen(pattern)) == 0)
			snprintf(found, sizeof(found), "%.*s", (int)strcspn(line, "\n"), line);
	}
	return found;
}

static int clone_tree(const char *path, bool recursive)
{
	int fd = lxcri_open_tree(
		AT_FDCWD, path, LXCRI_OPEN_TREE_CLONE | O_CLOEXEC | (recursive ? (unsigned int)LXCRI_AT_RECURSIVE : 0));

	CHECK(fd >= 0);
	return fd;
}

/* A root with a source directory that has a mount below it, and what the monitor would send: plan, streams, trees. */
static void enter_root_with_trees(void)
{
	enter_empty_root();
	CHECK(mkdir("/source", 0755) == 0);
	CHECK(mount("tmpfs", "/source", "tmpfs", 0, NULL) == 0);
	CHECK(mkdir("/source/below", 0755) == 0);
	CHECK(mount("tmpfs", "/source/below", "tmpfs", 0, NULL) == 0);
	write_text("/source/file", "source");
	write_text("/source/below/file", "below");
	setup = (struct setup){.fd_count = SETUP_TREES};
	setup.fds[setup.fd_count++] = clone_tree("/source", false);
	setup.fds[setup.fd_count++] = clone_tree("/source", true);
	setup.fds[setup.fd_count++] = clone_tree("/source/file", false);
}

#define FIRST "0"
#define RECURSIVE "1"
#define A_FILE "2"

static void a_directory_is_attached(void)
{
	int before;

	enter_root_with_trees();
	before = count_descriptors();
	CHECK(OPERATE("attach", FIRST, "/new/place", "0", "0", "0", "0", "0") == 0);
	CHECK_TEXT(read_text("/new/place/file"), "source");
	CHECK(access("/new/place/below/file", F_OK) < 0);
	CHECK(!HAS("/new/place", ST_RDONLY));
	CHECK(count_descriptors() == before - 1);
	CHECK(!is_open(setup.fds[SETUP_TREES]));
	/* Once only: afterwards there is nothing left to attach. */
	CHECK(OPERATE("attach", FIRST, "/again", "0", "0", "0", "0", "0") == EBADF);
}

static void a_file_is_attached(void)
{
	enter_root_with_trees();
	CHECK(OPERATE("attach", A_FILE, "/etc/file", "0", "0", "0", "0", "0") == 0);
	CHECK_TEXT(read_text("/etc/file"), "source");
	CHECK(inode_of("/etc/file") == inode_of("/source/file"));
}

static void a_link_leads_to_the_mount_point(void)
{
	enter_root_with_trees();
	CHECK(mkdir("/real", 0755) == 0 && symlink("/real", "/link") == 0 && symlink("/to/be", "/dangling") == 0);
	CHECK(OPERATE("attach", FIRST, "/link", "0", "0", "0", "0", "0") == 0);
	CHECK_TEXT(read_text("/real/file"), "source");
	CHECK(OPERATE("attach", A_FILE, "/dangling", "0", "0", "0", "0", "0") == 0);
	CHECK_TEXT(read_text("/to/be"), "source");
}

static void attributes_are_those_of_the_top_alone(void)
{
	enter_root_with_trees();
	CHECK(OPERATE("attach", RECURSIVE, "/place", RDONLY, "0", "0", "0", "0") == 0);
	CHECK(HAS("/place", ST_RDONLY) && !HAS("/place", ST_NOSUID));
	CHECK(!HAS("/place/below", ST_RDONLY));
	CHECK_TEXT(read_text("/place/below/file"), "below");
	/* The source is as it was. */
	CHECK(!HAS("/source", ST_RDONLY));
}

static void recursive_attributes_reach_what_is_below(void)
{
	enter_root_with_trees();
	CHECK(OPERATE("attach", RECURSIVE, "/place", NODEV, "0", RDONLY, "0", "0") == 0);
	CHECK(HAS("/place", ST_RDONLY) && HAS("/place/below", ST_RDONLY));
	CHECK(HAS("/place", ST_NODEV) && !HAS("/place/below", ST_NODEV));
	CHECK(!HAS("/source", ST_RDONLY) && !HAS("/source/below", ST_RDONLY));
}

/* What is asked of the top alone wins there. */
static void the_top_may_differ_from_what_is_below(void)
{
	enter_root_with_trees();
	CHECK(OPERATE("attach", RECURSIVE, "/place", "0", RDONLY, RDONLY, "0", "0") == 0);
	CHECK(!HAS("/place", ST_RDONLY) && HAS("/place/below", ST_RDONLY));
}

static void propagation_is_set_for_the_whole_tree(void)
{
	char slave[16];

	snprintf(slave, sizeof(slave), "%lu", (unsigned long)MS_SLAVE);
	enter_root_with_trees();
	close(setup.fds[SETUP_TREES + 1]);
	CHECK(mount(NULL, "/source", NULL, MS_REC | MS_SHARED, NULL) == 0);
	setup.fds[SETUP_TREES + 1] = clone_tree("/source", true);
	CHECK(OPERATE("attach", RECURSIVE, "/place", "0", "0", "0", "0", slave) == 0);
	CHECK_HOLDS(mount_line("/place"), " master:");
	CHECK_HOLDS(mount_line("/place/below"), " master:");
	CHECK(!strstr(mount_line("/place"), " shared:"));
	/* What is mounted there stays there. */
	CHECK(mkdir("/place/mine", 0755) == 0);
	CHECK(mount("tmpfs", "/place/mine", "tmpfs", 0, NULL) == 0);
	CHECK(!*mount_line("/source/mine"));
}

static void trees_that_were_not_sent_are_refused(void)
{
	enter_root_with_trees();
	CHECK(OPERATE("attach", "3", "/place", "0", "0", "0", "0", "0") == EPROTO);
	CHECK(OPERATE("attach", "4294967295", "/place", "0", "0", "0", "0", "0") == EPROTO);
	setup.join_count = 1;
	CHECK(OPERATE("attach", "2", "/place", "0", "0", "0", "0", "0") == EPROTO);
	CHECK(OPERATE("attach", "x", "/place", "0", "0", "0", "0", "0") == EINVAL);
	setup.join_count = 0;
	CHECK(access("/place", F_OK) < 0);
}

static void attaching_says_what_failed(void)
{
	enter_root_with_trees();
	CHECK(OPERATE("attach", FIRST, "/dev/null", "0", "0", "0", "0", "0") == ENOTDIR);
	CHECK_HOLDS(failure_text(ENOTDIR), "the.field: cannot create the mount point /dev/null: ");
	CHECK(OPERATE("attach", A_FILE, "/dev", "0", "0", "0", "0", "0") == EISDIR);
	CHECK_HOLDS(failure_text(EISDIR), "the.field: cannot create the mount point /dev: ");
	CHECK(OPERATE("attach", FIRST, "/place", "9223372036854775808", "0", "0", "0", "0") == EINVAL);
	CHECK_HOLDS(failure_text(EINVAL), "the.field: cannot apply the mount options of /place: ");
}

static void file_systems_are_mounted(void)
{
	char flags[32];

	enter_empty_root();
	snprintf(flags, sizeof(flags), "%lu", (unsigned long)(MS_NOSUID | MS_NODEV | MS_RDONLY));
	CHECK(OPERATE("mount", "tmpfs", "shm", "/dev/shm", flags, "mode=1700,size=64k") == 0);
	CHECK(HAS("/dev/shm", ST_NOSUID) && HAS("/dev/shm", ST_NODEV) && HAS("/dev/shm", ST_RDONLY));
	CHECK(!HAS("/dev/shm", ST_NOEXEC));
	CHECK_HOLDS(mount_line("/dev/shm"), " - tmpfs shm ro,size=64k,mode=1700");
	CHECK(OPERATE("mount", "nosuchfs", "x", "/mnt", "0", "a=b") == ENODEV);
	CHECK_HOLDS(failure_text(ENODEV), "the.field: cannot mount nosuchfs on /mnt (options \"a=b\"): ");
	CHECK(OPERATE("mount", "tmpfs", "x", "/mnt", "0", "nonsense") == EINVAL);
	CHECK(OPERATE("mount", "tmpfs", "x", "/dev/null", "0", "") == ENOTDIR);
	CHECK(OPERATE("mount", "tmpfs", "x", "/mnt", "-1", "") == EINVAL);
}

static void attributes_can_be_changed_later(void)
{
	enter_root_with_trees();
	CHECK(OPERATE("setattr", "/source", RDONLY, "0", "0", "0") == 0);
	CHECK(HAS("/source", ST_RDONLY) && !HAS("/source/below", ST_RDONLY));
	CHECK(OPERATE("setattr", "/source", NOSUID, RDONLY, "0", "1") == 0);
	CHECK(!HAS("/source", ST_RDONLY) && HAS("/source", ST_NOSUID) && HAS("/source/below", ST_NOSUID));
	/* Nothing to change is nothing to fail. */
	CHECK(OPERATE("setattr", "/source", "0", "0", "0", "0") == 0);
	CHECK(OPERATE("setattr", "/absent", RDONLY, "0", "0", "0") == ENOENT);
	CHECK_HOLDS(failure_text(ENOENT), "the.field: cannot change the mount /absent: ");
	/* The root itself, as root.readonly asks for it. */
	CHECK(OPERATE("setattr", "/", RDONLY, "0", "0", "0") == 0);
	CHECK(mkdir("/x", 0755) < 0 && errno == EROFS);
	CHECK(!HAS("/source", ST_RDONLY));
}

static void propagation_can_be_changed_later(void)
{
	char flags[32];

	enter_root_with_trees();
	snprintf(flags, sizeof(flags), "%lu", (unsigned long)(MS_SHARED | MS_REC));
	CHECK(OPERATE("propagation", "/source", flags) == 0);
	CHECK_HOLDS(mount_line("/source"), " shared:");
	CHECK_HOLDS(mount_line("/source/below"), " shared:");
	snprintf(flags, sizeof(flags), "%lu", (unsigned long)MS_PRIVATE);
	CHECK(OPERATE("propagation", "/source", flags) == 0);
	CHECK(!strstr(mount_line("/source"), " shared:"));
	CHECK_HOLDS(mount_line("/source/below"), " shared:");
	CHECK(OPERATE("propagation", "/source/file", flags) == EINVAL);
	CHECK_HOLDS(failure_text(EINVAL), "the.field: cannot change the mount /source/file: ");
}

static void unmounting_does_not_follow_links(void)
{
	enter_root_with_trees();
	CHECK(symlink("/source", "/link") == 0);
	CHECK(OPERATE("unmount", "/link") == EINVAL);
	CHECK(access("/source/file", F_OK) == 0);
	/* Also while it is in use, and with what is mounted below. */
	CHECK(chdir("/source/below") == 0);
	CHECK(OPERATE("unmount", "/source") == 0);
	CHECK(!*mount_line("/source") && !*mount_line("/source/below"));
	CHECK(OPERATE("unmount", "/absent") == ENOENT);
	CHECK_HOLDS(failure_text(ENOENT), "the.field: ");
}

static void masked_paths_are_empty(void)
{
	int before;

	enter_empty_root();
	CHECK(mkdir("/secret", 0755) == 0);
	write_text("/secret/file", "secret");
	write_text("/file", "secret");
	CHECK(symlink("/file", "/link") == 0 && symlink("nowhere", "/dangling") == 0);
	before = count_descriptors();
	CHECK(OPERATE("mask", "/secret", "mask", "/link", "mask", "/absent", "mask", "/dangling", "mask", "/file/x") == 0);
	CHECK(count_descriptors() == before);
	CHECK(access("/secret/file", F_OK) < 0 && errno == ENOENT);
	CHECK(HAS("/secret", ST_RDONLY));
	CHECK(mkdir("/secret/x", 0755) < 0 && errno == EROFS);
	CHECK_TEXT(read_text("/file"), "");
	CHECK_TEXT(read_text("/link"), "");
}

/* An image's own /dev/null may be a link to anything: what it leads to must not appear at the masked path. */
static void a_false_null_device_masks_nothing(void)
{
	enter_empty_root();
	write_text("/file", "secret");
	CHECK(unlink("/dev/null") == 0);
	CHECK(symlink("/proc/sys/kernel/core_pattern", "/dev/null") == 0);
	CHECK(OPERATE("mask", "/file") == EINVAL);
	CHECK_HOLDS(failure_text(errno), "the.field: /dev/null is not the null device");
	CHECK_TEXT(read_text("/file"), "secret");
	CHECK(unlink("/dev/null") == 0);
	write_text("/dev/null", "text");
	CHECK(OPERATE("mask", "/file") != 0);
	CHECK(unlink("/dev/null") == 0);
	make_device("/dev/null", 1, 5);
	CHECK(OPERATE("mask", "/file") != 0);
	CHECK_TEXT(read_text("/file"), "secret");
	CHECK(unlink("/dev/null") == 0);
	CHECK(OPERATE("mask", "/file") == ENOENT);
	make_device("/dev/null", 1, 3);
	CHECK(OPERATE("mask", "/file") == 0);
	CHECK_TEXT(read_text("/file"), "");
}

static void read_only_paths_are_read_only(void)
{
	int before;

	enter_root_with_trees();
	write_text("/file", "text");
	CHECK(symlink("/source", "/link") == 0);
	before = count_descriptors();
	CHECK(OPERATE("readonly", "/file", "readonly", "/link", "readonly", "/absent", "readonly", "/file/x") == 0);
	CHECK(count_descriptors() == before);
	CHECK(HAS("/file", ST_RDONLY) && HAS("/source", ST_RDONLY));
	CHECK(open("/file", O_WRONLY) < 0 && errno == EROFS);
	CHECK_TEXT(read_text("/file"), "text");
	CHECK_TEXT(read_text("/source/below/file"), "below");
	/* As in runc: mounts below keep what they were. */
	CHECK(!HAS("/source/below", ST_RDONLY));
}

/* What a mount forbids already is not allowed again by making it read-only. */
static void read_only_paths_keep_their_other_attributes(void)
{
	enter_root_with_trees();
	CHECK(mount(NULL, "/source", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0);
	CHECK(OPERATE("readonly", "/source") == 0);
	CHECK(HAS("/source", ST_RDONLY) && HAS("/source", ST_NOSUID));
	CHECK(HAS("/source", ST_NODEV) && HAS("/source", ST_NOEXEC));
}

static const struct check_test tests[] = {
	{TEST(a_directory_is_attached)},
	{TEST(a_file_is_attached)},
	{TEST(a_link_leads_to_the_mount_point)},
	{TEST(attributes_are_those_of_the_top_alone)},
	{TEST(recursive_attributes_reach_what_is_below)},
	{TEST(the_top_may_differ_from_what_is_below)},
	{TEST(propagation_is_set_for_the_whole_tree)},
	{TEST(trees_that_were_not_sent_are_refused)},
	{TEST(attaching_says_what_failed)},
	{TEST(file_systems_are_mounted)},
	{TEST(attributes_can_be_changed_later)},
	{TEST(propagation_can_be_changed_later)},
	{TEST(unmounting_does_not_follow_links)},
	{TEST(masked_paths_are_empty)},
	{TEST(a_false_null_device_masks_nothing)},
	{TEST(read_only_paths_are_read_only)},
	{TEST(read_only_paths_keep_their_other_attributes)},
};

CHECK_MAIN_IN_CHILDREN(tests)
