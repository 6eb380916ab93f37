#include "plan.h"
#include "testing/check.h"
#include "testing/descriptors.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>

/* A literal with all its NULs, the last one included. */
#define WORDS(literal) (literal), sizeof(literal)

/* A plan of these bytes, with its closing NUL in `size`. */
static struct plan read_plan(const char *data, size_t size)
{
	struct plan plan;
	int fd = file_with(data, size);

	CHECK(plan_read(&plan, fd) == 0);
	close(fd);
	return plan;
}

static int read_error(const char *data, size_t size)
{
	struct plan plan;
	int fd = file_with(data, size);
	int before = count_descriptors();

	CHECK(plan_read(&plan, fd) == -1);
	CHECK(!plan.data && !plan.size);
	CHECK(count_descriptors() == before);
	close(fd);
	return errno;
}

static void hands_out_words_as_they_were_written(void)
{
	struct plan plan = read_plan(WORDS("one\0\0two\nlines\0\xff\x01"));

	CHECK_TEXT(plan_next(&plan), "one");
	CHECK_TEXT(plan_next(&plan), "");
	CHECK_TEXT(plan_next(&plan), "two\nlines");
	CHECK_TEXT(plan_next(&plan), "\xff\x01");
	CHECK(!plan_next(&plan));
	CHECK(!plan_next(&plan));
	plan_free(&plan);
}

static void reads_from_where_the_descriptor_stands(void)
{
	struct plan plan;
	int fd = file_with("one\0two", 8);

	CHECK(lseek(fd, 4, SEEK_SET) == 4);
	for (int i = 0; i < 2; i++) {
		CHECK(plan_read(&plan, fd) == 0);
		CHECK_TEXT(plan_next(&plan), "two");
		CHECK(!plan_next(&plan));
		plan_free(&plan);
	}
	CHECK(lseek(fd, 8, SEEK_SET) == 8 && plan_read(&plan, fd) == -1 && errno == EINVAL);
	CHECK(lseek(fd, 9, SEEK_SET) == 9 && plan_read(&plan, fd) == -1 && errno == EINVAL);
	close(fd);
}

static void refuses_what_is_no_plan(void)
{
	struct plan plan;
	int ends[2];
	int fd;

	CHECK(read_error("", 0) == EINVAL);
	CHECK(read_error("no end", 6) == EINVAL);
	CHECK(read_error("one\0two", 7) == EINVAL);
	CHECK(plan_read(&plan, -1) == -1 && errno == EBADF);
	/* Not a file: it has no size. */
	CHECK(pipe(ends) == 0);
	CHECK(plan_read(&plan, ends[0]) == -1 && errno == EINVAL);
	close(ends[0]);
	close(ends[1]);
	/* Larger than any plan: refused before memory is asked for. */
	fd = memfd_create("test", MFD_CLOEXEC);
	CHECK(ftruncate(fd, (off_t)1 << 40) == 0);
	CHECK(plan_read(&plan, fd) == -1 && errno == EINVAL);
	close(fd);
}

struct record {
	char text[256];
	int calls;
	int fail_at;
};

static int note(void *context, char **arguments)
{
	struct record *record = context;

	if (record->calls++ == record->fail_at) {
		errno = EXDEV;
		return -1;
	}
	for (int i = 0; arguments[i]; i++) {
		strcat(record->text, arguments[i]);
		strcat(record->text, i == 0 && !arguments[1] ? "" : ",");
	}
	strcat(record->text, ";");
	return 0;
}

static const struct plan_operation operations[] = {
	{"none", 0, note},
	{"one", 1, note},
	{"three", 3, note},
};

static int run(struct record *record, const char *data, size_t size)
{
	struct plan plan = read_plan(data, size);
	int result = plan_run(&plan, operations, 3, record);
	int error = errno;

	plan_free(&plan);
	errno = error;
	return result;
}

static void runs_operations_in_their_order(void)
{
	struct record record = {.fail_at = -1};

	CHECK(run(&record, WORDS("three\0a\0\0none\0none\0one\0one")) == 0);
	CHECK_TEXT(record.text, "a,,none,;;one;");
}

static void stops_at_the_first_failure(void)
{
	struct record record = {.fail_at = 1};

	CHECK(run(&record, WORDS("none\0none\0none")) == -1);
	CHECK(errno == EXDEV);
	CHECK(record.calls == 2);
}

static void refuses_unknown_operations_and_missing_arguments(void)
{
	struct record record = {.fail_at = -1};

	CHECK(run(&record, WORDS("none\0nine\0none")) == -1 && errno == EPROTO);
	CHECK(record.calls == 1);
	CHECK(run(&record, WORDS("")) == -1 && errno == EPROTO);
	CHECK(run(&record, WORDS("one")) == -1 && errno == EPROTO);
	CHECK(run(&record, WORDS("three\0a\0b")) == -1 && errno == EPROTO);
	CHECK(record.calls == 1);
}

struct number {
	const char *word;
	uint64_t value;
	int error;
};

static void reads_decimal_numbers_strictly(void)
{
	static const struct number numbers[] = {
		{"0", 0, 0},
		{"007", 7, 0},
		{"4294967295", UINT32_MAX, 0},
		{"4294967296", (uint64_t)UINT32_MAX + 1, 0},
		{"18446744073709551615", UINT64_MAX, 0},
		{"18446744073709551616", 0, ERANGE},
		{"99999999999999999999999", 0, ERANGE},
		{"", 0, EINVAL},
		{" 1", 0, EINVAL},
		{"1 ", 0, EINVAL},
		{"-1", 0, EINVAL},
		{"+1", 0, EINVAL},
		{"0x1", 0, EINVAL},
		{"a", 0, EINVAL},
		{"1a", 0, EINVAL},
		{"99999999999999999999999a", 0, EINVAL},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const struct number *number = &numbers[i];
		uint64_t wide = 42;
		uint32_t narrow = 42;

		errno = 0;
		CHECK(plan_u64(number->word, &wide) == (number->error ? -1 : 0));
		CHECK(errno == number->error);
		CHECK(wide == (number->error ? 42 : number->value));
		if (number->error || number->value > UINT32_MAX) {
			CHECK(plan_u32(number->word, &narrow) == -1);
			CHECK(errno == (number->error ? number->error : ERANGE));
			CHECK(narrow == 42);
		} else {
			CHECK(plan_u32(number->word, &narrow) == 0);
			CHECK(narrow == number->value);
		}
	}
}

static void reads_hexadecimal_numbers_strictly(void)
{
	static const struct number numbers[] = {
		{"0", 0, 0},
		{"ff", 255, 0},
		{"ffffffffffffffff", UINT64_MAX, 0},
		{"10000000000000000", 0, ERANGE},
		{"FF", 0, EINVAL},
		{"0x1f", 0, EINVAL},
		{"", 0, EINVAL},
		{"-1", 0, EINVAL},
		{"fg", 0, EINVAL},
		{" f", 0, EINVAL},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		uint64_t value = 42;

		errno = 0;
		CHECK(plan_hex64(numbers[i].word, &value) == (numbers[i].error ? -1 : 0));
		CHECK(errno == numbers[i].error);
		CHECK(value == (numbers[i].error ? 42 : numbers[i].value));
	}
}

/* Every number comes back as it was written, in both notations. */
static void numbers_survive_the_way(void)
{
	uint64_t random = 0x9e3779b97f4a7c15u;

	for (int i = 0; i < 10000; i++) {
		uint64_t number, back;
		char word[32];

		random = random * 6364136223846793005u + 1442695040888963407u;
		number = random >> (i % 64);
		snprintf(word, sizeof(word), "%" PRIu64, number);
		CHECK(plan_u64(word, &back) == 0 && back == number);
		snprintf(word, sizeof(word), "%" PRIx64, number);
		CHECK(plan_hex64(word, &back) == 0 && back == number);
	}
}

static const struct check_test tests[] = {
	{TEST(hands_out_words_as_they_were_written)},
	{TEST(reads_from_where_the_descriptor_stands)},
	{TEST(refuses_what_is_no_plan)},
	{TEST(runs_operations_in_their_order)},
	{TEST(stops_at_the_first_failure)},
	{TEST(refuses_unknown_operations_and_missing_arguments)},
	{TEST(reads_decimal_numbers_strictly)},
	{TEST(reads_hexadecimal_numbers_strictly)},
	{TEST(numbers_survive_the_way)},
};

CHECK_MAIN(tests)
