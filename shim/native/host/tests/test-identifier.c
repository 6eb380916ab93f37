#include "identifier.h"
#include "testing/check.h"

static struct failure failure;

static int check(const char *value)
{
	return identifier_check("id", value, &failure);
}

static void accepts_what_containerd_accepts(void)
{
	CHECK(check("a") == 0);
	CHECK(check("k8s.io") == 0);
	CHECK(check("0") == 0);
	CHECK(check("a-b_c.d") == 0);
	CHECK(check("Default") == 0);
	char longest[IDENTIFIER_MAX_LENGTH + 1] = {0};
	memset(longest, 'x', IDENTIFIER_MAX_LENGTH);
	CHECK(check(longest) == 0);
}

static void refuses_what_containerd_refuses(void)
{
	static const char *const bad[] = {
		".",
		"..",
		"a/b",
		"../a",
		"a..b",
		".a",
		"a.",
		"-a",
		"a-",
		"a--b",
		"a b",
		"a\n",
		"a\tb",
		"\xc3\xa4",
		"a:b",
		"a\\b",
		"*",
		"a._b",
		"$(id)",
		"/",
		"_",
		" ",
		("a\x7f"
		 "b"),
		"a%2f"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		CHECK(check(bad[i]) == -1);
		CHECK_HOLDS(failure.text, bad[i]);
	}
}

static void says_what_is_missing_or_too_long(void)
{
	CHECK(check("") == -1);
	CHECK_HOLDS(failure.text, "-id");
	CHECK(check(NULL) == -1);
	char too_long[100000];
	memset(too_long, 'x', sizeof too_long);
	too_long[sizeof too_long - 1] = '\0';
	CHECK(check(too_long) == -1);
	CHECK_HOLDS(failure.text, "76");
	too_long[IDENTIFIER_MAX_LENGTH + 1] = '\0';
	CHECK(check(too_long) == -1);
}

static const struct check_test tests[] = {
	{TEST(accepts_what_containerd_accepts)},
	{TEST(refuses_what_containerd_refuses)},
	{TEST(says_what_is_missing_or_too_long)},
};

CHECK_MAIN(tests)
