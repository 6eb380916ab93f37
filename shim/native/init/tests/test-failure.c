#include "setup.h"
#include "testing/check.h"

#include <errno.h>

static struct setup setup;

static struct gate_failure failure_with(int error)
{
	errno = error;
	return describe_failure(&setup);
}

static void the_place_comes_first(void)
{
	setup = (struct setup){.field = "mounts[2]"};
	CHECK(failure_with(ENOENT).error == ENOENT);
	CHECK_TEXT(failure_with(ENOENT).text, "mounts[2]: No such file or directory");
	errno = EXDEV;
	CHECK(setup_fail(&setup, "cannot mount %s", "/x") == -1);
	CHECK(errno == EXDEV);
	CHECK_TEXT(failure_with(ENOENT).text, "mounts[2]: cannot mount /x");
}

static void without_a_place_there_is_the_text_alone(void)
{
	setup = (struct setup){0};
	CHECK_TEXT(failure_with(EPERM).text, "Operation not permitted");
}

/* Docker looks for the words of Go's error, which begins with "exec:". */
static void the_payload_speaks_for_itself(void)
{
	setup = (struct setup){.field = "process.args[0]"};
	setup_fail(&setup, "exec: \"x\": permission denied");
	CHECK_TEXT(failure_with(EACCES).text, "exec: \"x\": permission denied");
}

static void texts_that_are_too_long_are_cut(void)
{
	static char text[5000];
	struct gate_failure failure;

	memset(text, 'x', sizeof(text) - 1);
	setup = (struct setup){.field = text};
	setup_fail(&setup, "%s", text);
	failure = failure_with(EINVAL);
	CHECK(memchr(failure.text, '\0', sizeof(failure.text)));
	CHECK_HOLDS(failure.text, "xxx: xxx");
	setup.field = NULL;
	failure = failure_with(EINVAL);
	CHECK(memchr(failure.text, '\0', sizeof(failure.text)));
}

static void a_shell_gives_the_same_statuses(void)
{
	CHECK(exit_status_of(ENOENT) == 127 && exit_status_of(ENOTDIR) == 127);
	CHECK(exit_status_of(EACCES) == 126 && exit_status_of(EISDIR) == 126 && exit_status_of(ENOEXEC) == 126);
}

static const struct check_test tests[] = {
	{TEST(the_place_comes_first)},           {TEST(without_a_place_there_is_the_text_alone)},
	{TEST(the_payload_speaks_for_itself)},   {TEST(texts_that_are_too_long_are_cut)},
	{TEST(a_shell_gives_the_same_statuses)},
};

CHECK_MAIN(tests)
