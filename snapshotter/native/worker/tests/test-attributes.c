#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "testing/check.h"
#include "testing/temp-dir.h"
#include "worker.h"

static int copy(const char *from, const char *to)
{
	const char *words[] = {from, to};
	struct answer answer = file_copy_attributes(words, 2);
	CHECK((answer.error == 0) == (answer.text == NULL));
	free(answer.text);
	return answer.error;
}

static void test_copies_all_but_overlays_own(void)
{
	static char large[3000];
	memset(large, 'x', sizeof(large));
	enter_temp_dir();
	CHECK(mkdir("from", 0700) == 0 && mkdir("to", 0700) == 0);
	CHECK(setxattr("from", "user.empty", "", 0, 0) == 0);
	CHECK(setxattr("from", "user.bytes", "\0\xff", 2, 0) == 0);
	CHECK(setxattr("from", "user.large", large, sizeof(large), 0) == 0);
	CHECK(setxattr("from", "user.overlay.opaque", "y", 1, 0) == 0);
	CHECK(copy("from", "to") == 0);
	char value[4096];
	CHECK(getxattr("to", "user.empty", value, sizeof(value)) == 0);
	CHECK(getxattr("to", "user.bytes", value, sizeof(value)) == 2);
	CHECK(memcmp(value, "\0\xff", 2) == 0);
	CHECK(getxattr("to", "user.large", value, sizeof(value)) == (ssize_t)sizeof(large));
	CHECK(memcmp(value, large, sizeof(large)) == 0);
	CHECK(getxattr("to", "user.overlay.opaque", value, sizeof(value)) < 0 && errno == ENODATA);
	leave_temp_dir();
}

static void test_takes_directories_alone(void)
{
	enter_temp_dir();
	CHECK(mkdir("directory", 0700) == 0 && symlink("directory", "symlink") == 0);
	CHECK(copy("directory", "directory") == 0);
	CHECK(copy("missing", "directory") == ENOENT);
	CHECK(copy("directory", "missing") == ENOENT);
	CHECK(copy("symlink", "directory") == ENOTDIR);
	CHECK(copy("directory", "symlink") == ENOTDIR);
	leave_temp_dir();
}

static const struct check_test TESTS[] = {
	{TEST(test_copies_all_but_overlays_own)},
	{TEST(test_takes_directories_alone)},
};

CHECK_MAIN(TESTS)
