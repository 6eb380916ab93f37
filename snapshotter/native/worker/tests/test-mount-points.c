#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "testing/check.h"
#include "testing/temp-dir.h"
#include "worker.h"

#define TMPFS_MAGIC 0x01021994

static int done(struct answer answer)
{
	CHECK((answer.error == 0) == (answer.text == NULL));
	free(answer.text);
	return answer.error;
}

static int attach(const char *type, const char *target)
{
	const char *words[] = {"source", target, type, "0", ""};
	return done(mount_point_attach(words, 5));
}

static int release(const char *target)
{
	return done(mount_point_release(&target, 1));
}

static int sync_one(const char *target)
{
	return done(mount_point_sync(&target, 1));
}

static bool is_tmpfs(const char *path)
{
	struct statfs status;
	return statfs(path, &status) == 0 && status.f_type == TMPFS_MAGIC;
}

/* The mounts go with the process that runs this test. */
static void enter(void)
{
	enter_temp_dir();
	CHECK(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	/* So that what is mounted on it is another file system wherever the test runs. */
	CHECK(mkdir("all", 0755) == 0 && mount("all", "all", "ramfs", 0, "") == 0);
}

static void leave(void)
{
	CHECK(umount2("all", MNT_DETACH) == 0 && rmdir("all") == 0);
	leave_temp_dir();
}

static void test_mounts_once(void)
{
	struct stat first, second;
	enter();
	CHECK(attach("tmpfs", "all/mnt/1") == 0 && is_tmpfs("all/mnt/1"));
	CHECK(stat("all/mnt", &first) == 0 && (first.st_mode & 07777) == 0700);
	CHECK(stat("all/mnt/1", &first) == 0);
	CHECK(attach("tmpfs", "all/mnt/1") == 0);
	CHECK(stat("all/mnt/1", &second) == 0 && first.st_dev == second.st_dev);
	CHECK(release("all/mnt/1") == 0 && access("all/mnt/1", F_OK) < 0 && errno == ENOENT);
	leave();
}

static void test_leaves_nothing_of_a_mount_that_fails(void)
{
	enter();
	CHECK(attach("nosuchfs", "all/mnt/1") == ENODEV);
	CHECK(access("all/mnt/1", F_OK) < 0 && errno == ENOENT);
	leave();
}

static void test_releases_what_is_not_mounted(void)
{
	enter();
	CHECK(release("all/mnt/1") == 0);
	CHECK(mkdir("all/empty", 0700) == 0 && release("all/empty") == 0 && access("all/empty", F_OK) < 0);
	CHECK(mkdir("all/full", 0700) == 0 && mkdir("all/full/data", 0700) == 0);
	CHECK(release("all/full") == ENOTEMPTY && access("all/full/data", F_OK) == 0);
	leave();
}

static void test_syncs_what_is_mounted(void)
{
	enter();
	CHECK(sync_one("all/mnt/1") == 0);
	CHECK(mkdir("all/empty", 0700) == 0 && sync_one("all/empty") == 0);
	CHECK(attach("tmpfs", "all/mnt/1") == 0 && sync_one("all/mnt/1") == 0 && release("all/mnt/1") == 0);
	leave();
}

static const struct check_test TESTS[] = {
	{TEST(test_mounts_once)},
	{TEST(test_leaves_nothing_of_a_mount_that_fails)},
	{TEST(test_releases_what_is_not_mounted)},
	{TEST(test_syncs_what_is_mounted)},
};

CHECK_MAIN(TESTS)
