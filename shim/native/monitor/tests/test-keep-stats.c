#include "monitor.h"
#include "testing/check.h"
#include "testing/temp-dir.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct monitor monitor;

static void write_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void enter(void)
{
	enter_temp_dir();
	monitor = (struct monitor){0};
	monitor_initialize(&monitor);
	monitor.kept[monitor.kept_count++] = (struct kept_file){"pids/pids.max", "max"};
	monitor.kept[monitor.kept_count++] = (struct kept_file){"pids/pids.none", "missing"};
	monitor.kept[monitor.kept_count++] = (struct kept_file){"cpu/empty", "empty"};
	write_file("max", "100\n");
	write_file("empty", "");
}

static void names_and_texts(void)
{
	static const char expected[] = "pids/pids.max\0"
								   "100\n\0"
								   "cpu/empty\0";
	char text[256];
	int fd;

	enter();
	keep_stats(&monitor);
	fd = open("last-stats", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && read(fd, text, sizeof(text)) == (ssize_t)sizeof(expected));
	CHECK(memcmp(text, expected, sizeof(expected)) == 0);
	close(fd);
	CHECK(access("last-stats.new", F_OK) < 0);
	leave_temp_dir();
}

static void a_long_file_is_cut(void)
{
	static char text[40000];
	off_t size;
	int fd;

	enter();
	memset(text, 'x', sizeof(text) - 1);
	write_file("max", text);
	keep_stats(&monitor);
	fd = open("last-stats", O_RDONLY | O_CLOEXEC);
	size = lseek(fd, 0, SEEK_END);
	CHECK(size > 16000 && size < 17000);
	close(fd);
	leave_temp_dir();
}

static void nothing_of_a_container_that_never_was(void)
{
	enter();
	monitor.init.failed = true;
	keep_stats(&monitor);
	CHECK(access("last-stats", F_OK) < 0);
	leave_temp_dir();
}

static const struct check_test TESTS[] = {
	{TEST(names_and_texts)},
	{TEST(a_long_file_is_cut)},
	{TEST(nothing_of_a_container_that_never_was)},
};

CHECK_MAIN(TESTS)
