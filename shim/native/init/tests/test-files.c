#include "operations.h"
#include "testing/check.h"

#include <sys/mount.h>
#include <sys/utsname.h>

static struct stat stat_of(const char *path)
{
	struct stat st;

	CHECK(lstat(path, &st) == 0);
	return st;
}

static void directories_get_their_mode(void)
{
	enter_empty_root();
	CHECK(OPERATE("mkdir", "/a/b", "448") == 0);
	CHECK(stat_of("/a/b").st_mode == (S_IFDIR | 0700));
	CHECK(OPERATE("mkdir", "/dev/null", "448") == ENOTDIR);
	CHECK_TEXT(failure_text(ENOTDIR), "the.field: cannot create /dev/null: Not a directory");
	CHECK(OPERATE("mkdir", "/c", "0x1") == EINVAL);
}

static void devices_are_made_with_all_their_properties(void)
{
	struct stat st;

	enter_empty_root();
	CHECK(OPERATE("mknod", "/dev/a/null", "c", "438", "1", "3", "0", "0") == 0);
	st = stat_of("/dev/a/null");
	CHECK(st.st_mode == (S_IFCHR | 0666) && st.st_rdev == makedev(1, 3) && st.st_uid == 0);
	CHECK(OPERATE("mknod", "/dev/loop", "b", "384", "7", "1048575", "12", "34") == 0);
	st = stat_of("/dev/loop");
	CHECK(st.st_mode == (S_IFBLK | 0600) && st.st_rdev == makedev(7, 1048575));
	CHECK(st.st_uid == 12 && st.st_gid == 34);
	CHECK(OPERATE("mknod", "/dev/pipe", "p", "511", "0", "0", "5", "0") == 0);
	st = stat_of("/dev/pipe");
	CHECK(st.st_mode == (S_IFIFO | 0777) && st.st_uid == 5);
	/* Bits of another type cannot be smuggled in with the mode. */
	CHECK(OPERATE("mknod", "/dev/mode", "c", "33206", "1", "3", "0", "0") == 0);
	CHECK(stat_of("/dev/mode").st_mode == (S_IFCHR | 0666));
}

static void devices_that_are_there_stay(void)
{
	enter_empty_root();
	write_text("/dev/file", "text");
	CHECK(symlink("/nowhere", "/dev/link") == 0);
	CHECK(OPERATE("mknod", "/dev/file", "c", "438", "1", "3", "7", "7") == 0);
	CHECK(OPERATE("mknod", "/dev/link", "c", "438", "1", "3", "7", "7") == 0);
	CHECK(S_ISREG(stat_of("/dev/file").st_mode) && stat_of("/dev/file").st_uid == 0);
	CHECK(S_ISLNK(stat_of("/dev/link").st_mode) && stat_of("/dev/link").st_uid == 0);
	CHECK(access("/nowhere", F_OK) < 0);
	CHECK(OPERATE("mknod", "/dev/file/x", "c", "438", "1", "3", "0", "0") == ENOTDIR);
	CHECK_TEXT(failure_text(ENOTDIR), "the.field: cannot create the device /dev/file/x: Not a directory");
	CHECK(OPERATE("mknod", "/dev/x", "c", "438", "1", "-3", "0", "0") == EINVAL);
}

static void links_are_made_and_stay(void)
{
	char target[64] = "";

	enter_empty_root();
	CHECK(OPERATE("symlink", "/proc/self/fd", "/dev/fd") == 0);
	CHECK(readlink("/dev/fd", target, sizeof(target)) == 13 && memcmp(target, "/proc/self/fd", 13) == 0);
	CHECK(OPERATE("symlink", "/else", "/dev/fd") == 0);
	CHECK(readlink("/dev/fd", target, sizeof(target)) == 13);
	CHECK(OPERATE("symlink", "/else", "/dev/null") == 0);
	CHECK(OPERATE("symlink", "x", "/new/link") == 0);
	CHECK(S_ISLNK(stat_of("/new/link").st_mode));
	CHECK(OPERATE("symlink", "x", "/dev/null/link") == ENOTDIR);
	CHECK_HOLDS(failure_text(ENOTDIR), "cannot create the link /dev/null/link: ");
}

static void values_are_written(void)
{
	struct utsname name;
	int before;

	enter_empty_root();
	before = count_descriptors();
	CHECK(unshare(CLONE_NEWUTS) == 0);
	CHECK(OPERATE("write", "sys/kernel/hostname", "written") == 0);
	CHECK(OPERATE("domainname", "of.domain") == 0);
	CHECK(uname(&name) == 0);
	CHECK_TEXT(name.nodename, "written");
	CHECK_TEXT(name.domainname, "of.domain");
	CHECK(OPERATE("hostname", "other") == 0);
	CHECK(uname(&name) == 0);
	CHECK_TEXT(name.nodename, "other");
	CHECK(OPERATE("write", "sys/kernel/nothing", "1") == ENOENT);
	CHECK_HOLDS(failure_text(ENOENT), "the.field: cannot open /proc/sys/kernel/nothing: ");
	CHECK(OPERATE("write", "sys/kernel/printk_ratelimit", "many") == EINVAL);
	CHECK_HOLDS(failure_text(EINVAL), "cannot write \"many\" to /proc/sys/kernel/printk_ratelimit: ");
	CHECK(count_descriptors() == before);
}

/* Also where the kernel takes a part only. */
static void a_value_is_written_whole_or_not_at_all(void)
{
	char name[300];

	enter_empty_root();
	CHECK(unshare(CLONE_NEWUTS) == 0);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	CHECK(OPERATE("hostname", name) == EINVAL);
	CHECK_HOLDS(failure_text(EINVAL), "the.field: ");
	CHECK(OPERATE("write", "sys", "x") == EISDIR);
}

/* What an image or a volume lays on the way to a file of the kernel's is not written to. */
static void values_go_to_the_kernel_alone(void)
{
	enter_empty_root();
	CHECK(OPERATE("write", "self/comm", "x") == ELOOP);
	CHECK(OPERATE("write", "../dev/zero", "x") == EXDEV);
	CHECK(mount("none", "/proc/sys/kernel", "tmpfs", 0, NULL) == 0);
	write_text("/proc/sys/kernel/hostname", "");
	CHECK(OPERATE("write", "sys/kernel/hostname", "x") == EXDEV);
	CHECK(mount("/proc/sys", "/proc", NULL, MS_BIND, NULL) == 0);
	CHECK(OPERATE("write", "vm/swappiness", "60") == ENODEV);
	CHECK(mount("none", "/proc", "tmpfs", 0, NULL) == 0);
	write_text("/proc/comm", "");
	CHECK(OPERATE("write", "comm", "x") == ENODEV);
}

static const struct check_test tests[] = {
	{TEST(directories_get_their_mode)},
	{TEST(devices_are_made_with_all_their_properties)},
	{TEST(devices_that_are_there_stay)},
	{TEST(links_are_made_and_stay)},
	{TEST(values_are_written)},
	{TEST(a_value_is_written_whole_or_not_at_all)},
	{TEST(values_go_to_the_kernel_alone)},
};

CHECK_MAIN_IN_CHILDREN(tests)
