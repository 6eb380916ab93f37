#include "file-io.h"
#include "line-reader.h"
#include "testing/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/lxcri-file-io-XXXXXX";

static void enter_new_directory(void)
{
	strcpy(directory, "/tmp/lxcri-file-io-XXXXXX");
	CHECK(mkdtemp(directory));
	CHECK(chdir(directory) == 0);
}

static void leave_directory(void)
{
	CHECK(chdir("/") == 0);
	// Also the proof that nothing was left in it.
	CHECK(rmdir(directory) == 0);
}

static void replaces_a_file_as_a_whole(void)
{
	char temp[64];
	char data[64];
	snprintf(temp, sizeof temp, "file.%ld.new", (long)getpid());
	struct stat status;
	enter_new_directory();
	CHECK(replace_file("file", "first", 5) == 0);
	CHECK(read_small_file("file", data, sizeof data) == 5);
	CHECK_TEXT(data, "first");
	CHECK(stat("file", &status) == 0 && (status.st_mode & 07777) == 0600);
	// What a killed predecessor has left is no hindrance, not even a link to somewhere else.
	CHECK(symlink("/etc/passwd", temp) == 0);
	CHECK(replace_file("file", "second", 6) == 0);
	CHECK(read_small_file("file", data, sizeof data) == 6);
	CHECK_TEXT(data, "second");
	CHECK(unlink("file") == 0);
	leave_directory();
}

static void leaves_nothing_when_it_fails(void)
{
	char temp[64];
	snprintf(temp, sizeof temp, "file.%ld.new", (long)getpid());
	enter_new_directory();
	CHECK(mkdir("file", 0700) == 0);
	CHECK(replace_file("file", "x", 1) == -1 && errno == EISDIR);
	CHECK(access(temp, F_OK) == -1);
	CHECK(rmdir("file") == 0);
	CHECK(replace_file("absent/file", "x", 1) == -1 && errno == ENOENT);
	leave_directory();
}

static void never_cuts_a_small_file(void)
{
	char data[6];
	enter_new_directory();
	CHECK(replace_file("file", "12345", 5) == 0);
	CHECK(read_small_file("file", data, 6) == 5);
	CHECK(read_small_file("file", data, 5) == -1 && errno == EFBIG);
	CHECK(unlink("file") == 0);
	CHECK(read_small_file("file", data, 5) == -1 && errno == ENOENT);
	leave_directory();
	CHECK(read_small_file("/tmp", data, 5) == -1 && errno == EISDIR);
}

static void reports_what_cannot_be_written(void)
{
	int fd = open("/dev/full", O_WRONLY);
	CHECK(fd >= 0);
	CHECK(write_all(fd, "x", 1) == -1 && errno == ENOSPC);
	CHECK(write_all(fd, "", 0) == 0);
	CHECK(close(fd) == 0);
}

/** The reading end of a pipe that holds a text. */
static int pipe_with(const char *text, size_t size)
{
	int ends[2];
	CHECK(pipe(ends) == 0);
	CHECK(fcntl(ends[1], F_SETPIPE_SZ, 65536) >= 0);
	CHECK(write_all(ends[1], text, size) == 0);
	close(ends[1]);
	return ends[0];
}

static void reads_lines(void)
{
	static struct line_reader reader;
	int fd = pipe_with("one\n\nthree\nlast", 15);
	line_reader_init(&reader, fd);
	CHECK_TEXT(line_reader_next(&reader), "one");
	CHECK_TEXT(line_reader_next(&reader), "");
	CHECK_TEXT(line_reader_next(&reader), "three");
	CHECK_TEXT(line_reader_next(&reader), "last");
	CHECK(line_reader_next(&reader) == NULL);
	close(fd);
	fd = pipe_with("", 0);
	line_reader_init(&reader, fd);
	CHECK(line_reader_next(&reader) == NULL);
	close(fd);
}

static void leaves_out_lines_that_are_too_long(void)
{
	static struct line_reader reader;
	static char text[40000];
	// Around the buffer's size, where an error by one would be, and far beyond it.
	for (size_t length = sizeof reader.data - 4; length < sizeof text - 10; length += length < 8200 ? 1 : 7001) {
		memset(text, 'x', length);
		memcpy(text + length, "\nnext\n", 6);
		int fd = pipe_with(text, length + 6);
		line_reader_init(&reader, fd);
		char *line = line_reader_next(&reader);
		if (length < sizeof reader.data - 1) {
			CHECK(strlen(line) == length);
			line = line_reader_next(&reader);
		}
		CHECK_TEXT(line, "next");
		CHECK(line_reader_next(&reader) == NULL);
		close(fd);
		fd = pipe_with(text, length);
		line_reader_init(&reader, fd);
		line = line_reader_next(&reader);
		CHECK(length < sizeof reader.data - 1 ? strlen(line) == length : line == NULL);
		close(fd);
	}
}

static const struct check_test tests[] = {
	{TEST(replaces_a_file_as_a_whole)},
	{TEST(leaves_nothing_when_it_fails)},
	{TEST(never_cuts_a_small_file)},
	{TEST(reports_what_cannot_be_written)},
	{TEST(reads_lines)},
	{TEST(leaves_out_lines_that_are_too_long)},
};

CHECK_MAIN(tests)
