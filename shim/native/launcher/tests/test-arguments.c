#include "arguments.h"
#include "testing/check.h"

#include <stdbool.h>

static struct arguments parsed;
static struct failure failure;

#define PARSE(...)                                                                                                     \
	arguments_parse(                                                                                                   \
		sizeof((char *[]){"shim", __VA_ARGS__}) / sizeof(char *), (char *[]){"shim", __VA_ARGS__, NULL}, &parsed,      \
		&failure)

static void reads_what_containerd_gives(void)
{
	CHECK(
		PARSE(
			"-namespace", "default", "-address", "/run/containerd/containerd.sock", "-publish-binary",
			"/usr/bin/containerd", "-id", "hello", "-bundle", "/run/b", "-debug", "delete") == 0);
	CHECK_TEXT(parsed.namespace_name, "default");
	CHECK_TEXT(parsed.address, "/run/containerd/containerd.sock");
	CHECK_TEXT(parsed.publish_binary, "/usr/bin/containerd");
	CHECK_TEXT(parsed.id, "hello");
	CHECK_TEXT(parsed.bundle, "/run/b");
	CHECK_TEXT(parsed.action, "delete");
	CHECK(parsed.debug && !parsed.version && !parsed.info && !parsed.help);
}

static void knows_all_spellings_of_go(void)
{
	CHECK(PARSE("--namespace=a", "-id=b", "--bundle", "c", "-debug=false", "--address=", "start") == 0);
	CHECK_TEXT(parsed.namespace_name, "a");
	CHECK_TEXT(parsed.id, "b");
	CHECK_TEXT(parsed.bundle, "c");
	CHECK_TEXT(parsed.address, "");
	CHECK(!parsed.debug);
	CHECK(PARSE("-id", "a=b", "-id=c=d") == 0);
	CHECK_TEXT(parsed.id, "c=d");
}

static void ends_at_the_first_argument_that_is_no_flag(void)
{
	CHECK(PARSE("-id", "x", "start", "-id", "y", "-unknown") == 0);
	CHECK_TEXT(parsed.id, "x");
	CHECK_TEXT(parsed.action, "start");
	CHECK(PARSE("--", "-v") == 0);
	CHECK_TEXT(parsed.action, "-v");
	CHECK(!parsed.version);
	CHECK(PARSE("-", "start") == 0);
	CHECK_TEXT(parsed.action, "-");
}

static void takes_a_value_that_looks_like_a_flag(void)
{
	CHECK(PARSE("-id", "-v", "start") == 0);
	CHECK_TEXT(parsed.id, "-v");
	CHECK(!parsed.version);
}

static void says_what_is_wrong(void)
{
	CHECK(PARSE("-nonsense", "start") == -1);
	CHECK_HOLDS(failure.text, "-nonsense");
	CHECK(PARSE("-id") == -1);
	CHECK_HOLDS(failure.text, "-id needs a value");
	CHECK(PARSE("-debug=perhaps") == -1);
	CHECK_HOLDS(failure.text, "perhaps");
	CHECK(PARSE("---id", "x") == -1);
	CHECK(PARSE("-=x") == -1);
}

static void works_without_any_argument(void)
{
	char *none[] = {NULL};
	CHECK(arguments_parse(0, none, &parsed, &failure) == 0);
	CHECK_TEXT(parsed.action, "");
}

static const struct check_test tests[] = {
	{TEST(reads_what_containerd_gives)},
	{TEST(knows_all_spellings_of_go)},
	{TEST(ends_at_the_first_argument_that_is_no_flag)},
	{TEST(takes_a_value_that_looks_like_a_flag)},
	{TEST(says_what_is_wrong)},
	{TEST(works_without_any_argument)},
};

CHECK_MAIN(tests)
