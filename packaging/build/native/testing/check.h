/*
 * The smallest thing that runs native tests: each test is a function, each test program lists its functions, and the
 * output is TAP. A check that fails says where and ends its test program; the sanitizers do the same.
 */
#ifndef LXCRI_CHECK_H
#define LXCRI_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check_test {
	const char *name;
	void (*run)(void);
};

#define TEST(function) .name = #function, .run = function

#define CHECK(condition)                                                                                               \
	do {                                                                                                               \
		if (!(condition))                                                                                              \
			check_failed(__FILE__, __LINE__, #condition);                                                              \
	} while (0)

#define CHECK_TEXT(actual, expected) check_text(__FILE__, __LINE__, (actual), (expected))

/** That a failure's text names what matters. */
#define CHECK_HOLDS(text, part) check_holds(__FILE__, __LINE__, (text), (part))

_Noreturn static inline void check_failed(const char *file, int line, const char *what)
{
	printf("Bail out! %s:%d: %s\n", file, line, what);
	fflush(stdout);
	exit(1);
}

static inline void check_text(const char *file, int line, const char *actual, const char *expected)
{
	if (actual && strcmp(actual, expected) == 0)
		return;
	printf("# expected: %s\n# actual:   %s\n", expected, actual ? actual : "(NULL)");
	check_failed(file, line, "two texts differ");
}

static inline void check_holds(const char *file, int line, const char *text, const char *part)
{
	if (strstr(text, part))
		return;
	printf("# expected: ... %s ...\n# actual:   %s\n", part, text);
	check_failed(file, line, "a text lacks a part");
}

/** What a test has to have done at its end, by whichever process runs it; NULL: nothing. */
static void (*check_clean_up)(void);

static inline void check_ended(void)
{
	if (check_clean_up)
		check_clean_up();
	check_clean_up = NULL;
}

/** Runs all tests of a program. */
static inline int check_run(const struct check_test *tests, size_t count)
{
	printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		tests[i].run();
		check_ended();
		printf("ok %zu - %s\n", i + 1, tests[i].name);
		fflush(stdout);
	}
	return 0;
}

#define CHECK_MAIN(tests)                                                                                              \
	int main(void)                                                                                                     \
	{                                                                                                                  \
		return check_run(tests, sizeof tests / sizeof tests[0]);                                                       \
	}

#endif
