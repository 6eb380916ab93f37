#include "setup.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"

static struct setup setup;

/* What complete_environment makes of at most two variables, for this user. */
static void complete(uid_t uid, const char *one, const char *other)
{
	int before = count_descriptors();

	for (size_t i = 0; i < setup.environment.count; i++)
		free(setup.environment.words[i]);
	free(setup.environment.words);
	setup = (struct setup){.uid = uid};
	if (one)
		CHECK(append_word(&setup.environment, strdup(one)) == 0);
	if (other)
		CHECK(append_word(&setup.environment, strdup(other)) == 0);
	CHECK(complete_environment(&setup) == 0);
	CHECK(!setup.environment.words[setup.environment.count]);
	CHECK(count_descriptors() == before);
}

static void home_is(uid_t uid, const char *expected)
{
	complete(uid, "PATH=/bin", NULL);
	CHECK(setup.environment.count == 2);
	CHECK_TEXT(setup.environment.words[0], "PATH=/bin");
	CHECK_TEXT(setup.environment.words[1], expected);
}

static void enter_root_with_passwd(const char *text)
{
	enter_empty_root();
	CHECK(mkdir("/etc", 0755) == 0);
	write_text("/etc/passwd", text);
}

static void what_is_set_stays(void)
{
	enter_root_with_passwd("root:x:0:0:root:/root:/bin/sh\n");
	complete(0, "HOME=/other", "PATH=/bin");
	CHECK(setup.environment.count == 2);
	CHECK_TEXT(setup.environment.words[0], "HOME=/other");
	complete(0, "HOMER=/simpson", "XHOME=/x");
	CHECK(setup.environment.count == 3);
	CHECK_TEXT(setup.environment.words[2], "HOME=/root");
	/* An environment that is empty altogether. */
	complete(0, NULL, NULL);
	CHECK(setup.environment.count == 1);
	CHECK_TEXT(setup.environment.words[0], "HOME=/root");
}

static void an_empty_home_is_none(void)
{
	enter_root_with_passwd("root:x:0:0:root:/root:/bin/sh\n");
	complete(0, "HOME=", "PATH=/bin");
	CHECK(setup.environment.count == 2);
	CHECK_TEXT(setup.environment.words[0], "HOME=/root");
	CHECK_TEXT(setup.environment.words[1], "PATH=/bin");
}

static void the_users_first_line_counts(void)
{
	enter_root_with_passwd("daemon:x:1:1::/usr/sbin:/bin/sh\n"
						   "app:x:1000:1000:A,B,C:/home/app\n"
						   "again:x:1000:1000::/home/again:/bin/sh\n"
						   "max:x:4294967294:0::/max:/bin/sh\n"
						   "nohome:x:1001:1001::\n"
						   "empty:x:1002:1002:::/bin/sh\n"
						   "last:x:1003:1003::/home/last:/bin/sh");
	home_is(1, "HOME=/usr/sbin");
	home_is(1000, "HOME=/home/app");
	home_is(4294967294u, "HOME=/max");
	home_is(1001, "HOME=/");
	home_is(1002, "HOME=/");
	home_is(1003, "HOME=/home/last");
	home_is(7, "HOME=/");
	home_is(0, "HOME=/");
}

static void lines_that_are_no_entries_are_passed_over(void)
{
	enter_root_with_passwd("\n"
						   "::::::\n"
						   "root\n"
						   "root:x\n"
						   "a:x:-1:0::/minus:\n"
						   "b:x: 0:0::/blank:\n"
						   "c:x:0x0:0::/hexadecimal:\n"
						   "d:x:4294967296:0::/overflow:\n"
						   "e:x::0::/empty:\n"
						   "f:x:0:0::/found:\n");
	home_is(0, "HOME=/found");
	home_is(UINT32_MAX, "HOME=/");
}

/* Nothing in a line that is too long for a buffer is taken for a line of its own. */
static void long_lines_are_one_line(void)
{
	static char text[100000];

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "long:x:9:0:", 11);
	/* Wherever a buffer might end, something that looks like a line begins. */
	for (size_t i = 64; i + 100 < sizeof(text); i += 16)
		memcpy(text + i, "y:x:0:0::/wrong:", 16);
	strcpy(text + sizeof(text) - 100, "\nroot:x:0:0::/right:\n");
	enter_root_with_passwd(text);
	home_is(0, "HOME=/right");
}

static void a_name_may_hold_anything_but_colons(void)
{
	enter_root_with_passwd("r\"=$(x)\\:x:5:0: :/with blank and = and \xff:\n");
	home_is(5, "HOME=/with blank and = and \xff");
}

static void no_file_is_no_error(void)
{
	enter_empty_root();
	home_is(0, "HOME=/");
	CHECK(mkdir("/etc", 0755) == 0);
	home_is(0, "HOME=/");
	CHECK(symlink("nowhere", "/etc/passwd") == 0);
	home_is(0, "HOME=/");
	CHECK(unlink("/etc/passwd") == 0);
	CHECK(mkdir("/etc/passwd", 0755) == 0);
	home_is(0, "HOME=/");
}

/* An image may bring files that never end, or that nobody writes to. A test that hangs has failed. */
static void a_hostile_file_stops_nobody(void)
{
	int fd;

	enter_root_with_passwd("");
	home_is(0, "HOME=/");
	CHECK(unlink("/etc/passwd") == 0 && mkfifo("/etc/passwd", 0644) == 0);
	home_is(0, "HOME=/");
	CHECK(unlink("/etc/passwd") == 0 && symlink("/dev/zero", "/etc/passwd") == 0);
	home_is(0, "HOME=/");
	CHECK(unlink("/etc/passwd") == 0 && symlink("/proc/kmsg", "/etc/passwd") == 0);
	home_is(0, "HOME=/");
	/* A hole of a terabyte, which takes no place in an image. */
	CHECK(unlink("/etc/passwd") == 0);
	fd = open("/etc/passwd", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	CHECK(fd >= 0 && ftruncate(fd, (off_t)1 << 40) == 0);
	close(fd);
	home_is(0, "HOME=/");
	/* NULs end a line's text, not the file. */
	fd = open("/etc/passwd", O_RDWR | O_TRUNC | O_CLOEXEC);
	CHECK(write(fd, "a:x:\0:0\0\nroot:x:0:0::/root:\n", 29) == 29);
	close(fd);
	home_is(0, "HOME=/root");
}

static const struct check_test tests[] = {
	{TEST(what_is_set_stays)},           {TEST(an_empty_home_is_none)},
	{TEST(the_users_first_line_counts)}, {TEST(lines_that_are_no_entries_are_passed_over)},
	{TEST(long_lines_are_one_line)},     {TEST(a_name_may_hold_anything_but_colons)},
	{TEST(no_file_is_no_error)},         {TEST(a_hostile_file_stops_nobody)},
};

CHECK_MAIN_IN_CHILDREN(tests)
