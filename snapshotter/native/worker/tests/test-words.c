#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "testing/check.h"
#include "words.h"
#include "worker.h"

static int pipe_with(const char *bytes, size_t length)
{
	int fds[2];
	CHECK(pipe(fds) == 0);
	CHECK(write(fds[1], bytes, length) == (ssize_t)length);
	close(fds[1]);
	return fds[0];
}

static void test_reads_a_frame(void)
{
	int fd = pipe_with(
		"\x0b\0\0\0"
		"1\0sync\0/a/b",
		15 - 0);
	struct words words;
	/* The last word lacks its NUL. */
	CHECK(words_read(fd, &words) == -1);
	CHECK(errno == EBADMSG);
	close(fd);

	fd = pipe_with(
		"\x0c\0\0\0"
		"1\0sync\0/a/b\0",
		16);
	CHECK(words_read(fd, &words) == 1);
	CHECK(words.count == 3);
	CHECK_TEXT(words.at[0], "1");
	CHECK_TEXT(words.at[1], "sync");
	CHECK_TEXT(words.at[2], "/a/b");
	free(words.buffer);
	CHECK(words_read(fd, &words) == 0);
	close(fd);
}

static void test_empty_words_count(void)
{
	int fd = pipe_with(
		"\x03\0\0\0"
		"\0\0\0",
		7);
	struct words words;
	CHECK(words_read(fd, &words) == 1);
	CHECK(words.count == 3);
	CHECK_TEXT(words.at[1], "");
	free(words.buffer);
	close(fd);
}

static void test_refuses_what_is_no_frame(void)
{
	static const struct {
		const char *bytes;
		size_t length;
	} BAD[] = {
		{"\0\0\0\0", 4}, /* no words */
		{"\x05\0\0\0"
		 "ab\0",
		 7},                     /* cut off */
		{"\x05\0", 2},           /* cut off in the length */
		{"\xff\xff\xff\xff", 4}, /* too long */
	};
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		int fd = pipe_with(BAD[i].bytes, BAD[i].length);
		struct words words;
		CHECK(words_read(fd, &words) == -1);
		CHECK(errno == EBADMSG);
		close(fd);
	}
}

static void test_refuses_too_many_words(void)
{
	char *buffer = calloc(WORDS_MAX + 1, 1);
	struct words *words = malloc(sizeof(*words));
	CHECK(buffer && words);
	CHECK(words_split(words, buffer, WORDS_MAX));
	CHECK(words->count == WORDS_MAX);
	CHECK(!words_split(words, buffer, WORDS_MAX + 1));
	free(words);
	free(buffer);
}

static void test_writes_an_answer(void)
{
	int fds[2];
	CHECK(pipe(fds) == 0);
	CHECK(answer_write(fds[1], "12", 28, "full") == 0);
	close(fds[1]);
	struct words words;
	CHECK(words_read(fds[0], &words) == 1);
	CHECK(words.count == 3);
	CHECK_TEXT(words.at[0], "12");
	CHECK_TEXT(words.at[1], "28");
	CHECK_TEXT(words.at[2], "full");
	free(words.buffer);
	close(fds[0]);
}

static struct answer ask(size_t count, const char *const *texts)
{
	struct words *words = calloc(1, sizeof(*words));
	CHECK(words != NULL);
	words->count = count;
	for (size_t i = 0; i < count; i++)
		words->at[i] = texts[i];
	struct answer answer = perform(words);
	free(words);
	return answer;
}

static void test_verbs_are_checked(void)
{
	struct answer answer = ask(1, (const char *[]){"1"});
	CHECK(answer.error == EINVAL);
	free(answer.text);
	answer = ask(2, (const char *[]){"1", "format-disk"});
	CHECK(answer.error == EINVAL);
	CHECK_HOLDS(answer.text, "format-disk");
	free(answer.text);
	answer = ask(3, (const char *[]){"1", "mount", "a"});
	CHECK(answer.error == EINVAL);
	CHECK_HOLDS(answer.text, "1 arguments");
	free(answer.text);
}

static void test_errors_name_the_path(void)
{
	struct answer answer = ask(3, (const char *[]){"1", "sync", "/nowhere/at/all"});
	CHECK(answer.error == ENOENT);
	CHECK_HOLDS(answer.text, "/nowhere/at/all");
	free(answer.text);
	answer = ask(3, (const char *[]){"1", "statfs", "/proc"});
	CHECK(answer.error == 0);
	free(answer.text);
}

int main(void)
{
	static const struct check_test tests[] = {
		{TEST(test_reads_a_frame)},          {TEST(test_empty_words_count)}, {TEST(test_refuses_what_is_no_frame)},
		{TEST(test_refuses_too_many_words)}, {TEST(test_writes_an_answer)},  {TEST(test_verbs_are_checked)},
		{TEST(test_errors_name_the_path)},
	};
	return check_run(tests, sizeof(tests) / sizeof(tests[0]));
}
