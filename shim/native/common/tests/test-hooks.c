#include "hooks.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"
#include "testing/temp-dir.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static struct hooks hooks;
static struct gate_failure failure;

static char *word(const char *text)
{
	return (char *)text;
}

/* A hook that is a line for the shell. */
static const struct hook *shell(const char *line)
{
	struct hook *hook = &hooks.list[0];

	hooks = (struct hooks){.state = "{\"id\":\"hello\""};
	CHECK(plan_hook(&hooks, (char *[]){word("prestart"), word("/bin/sh"), word("7")}) == 0);
	CHECK(plan_hook_argument(&hooks, (char *[]){word("sh")}) == 0);
	CHECK(plan_hook_argument(&hooks, (char *[]){word("-c")}) == 0);
	CHECK(plan_hook_argument(&hooks, (char *[]){word(line)}) == 0);
	CHECK(plan_hook_environment(&hooks, (char *[]){word("PATH=/usr/bin:/bin")}) == 0);
	CHECK(plan_hook_environment(&hooks, (char *[]){word("WORD=one two")}) == 0);
	return hook;
}

static void forget(void)
{
	for (size_t i = 0; i < hooks.count; i++) {
		free(hooks.list[i].arguments.words);
		free(hooks.list[i].environment.words);
	}
}

/* Runs it to its end. Returns what finish_hook says. */
static int run(const struct hook *hook, const char *state, int (*enter)(void *), void *context)
{
	struct hook_run started;
	struct pollfd wait;
	int status;

	failure = (struct gate_failure){0};
	CHECK(start_hook(&started, hook, state, enter, context) == 0);
	wait = (struct pollfd){started.pidfd, POLLIN, 0};
	CHECK(poll(&wait, 1, 10000) == 1);
	CHECK(waitpid(started.pid, &status, 0) == started.pid);
	return finish_hook(&started, status, NULL, &failure);
}

static void a_hook_reads_the_state_and_has_its_own_environment(void)
{
	int before = count_descriptors();

	enter_temp_dir();
	CHECK(
		run(shell("cat >state; env >environment; echo $0 >name; ls -l /proc/self/fd >fds"), "{the state}", NULL,
			NULL) == 0);
	forget();
	CHECK_TEXT(read_text("state"), "{the state}");
	CHECK_HOLDS(read_text("environment"), "WORD=one two");
	CHECK_TEXT(read_text("name"), "sh\n");
	CHECK(!strstr(read_text("fds"), " 4 ->"));
	CHECK(count_descriptors() == before);
	leave_temp_dir();
}

static void how_it_failed_is_told_with_what_it_said(void)
{
	static const struct {
		const char *line, *text;
	} cases[] = {
		{"exit 3", "hooks.prestart (/bin/sh): exit status 3"},
		{"echo out; echo 'no such thing' >&2; echo; exit 1", "hooks.prestart (/bin/sh): exit status 1: no such thing"},
		{"kill -9 $$", "hooks.prestart (/bin/sh): signal 9 ended it"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK(run(shell(cases[i].line), "", NULL, NULL) < 0);
		forget();
		CHECK(failure.error == ECANCELED);
		CHECK_TEXT(failure.text, cases[i].text);
	}
	/* The end of what it said is what counts. */
	CHECK(run(shell("seq 1 100000 >&2; echo last >&2; exit 1"), "", NULL, NULL) < 0);
	forget();
	CHECK(strlen(failure.text) < 600);
	CHECK_HOLDS(failure.text, "99999\n100000\nlast");
}

static void what_cannot_be_executed_is_told(void)
{
	hooks = (struct hooks){0};
	CHECK(plan_hook(&hooks, (char *[]){word("poststop"), word("/no/such/hook"), word("0")}) == 0);
	CHECK(run(&hooks.list[0], "", NULL, NULL) < 0);
	CHECK_TEXT(
		failure.text, "hooks.poststop (/no/such/hook): exit status 127: cannot execute it: No such file or directory");
}

static int refuse(void *context)
{
	errno = *(int *)context;
	return -1;
}

static void it_is_not_run_where_it_cannot_be(void)
{
	int error = EPERM;

	CHECK(run(shell("exit 0"), "", refuse, &error) < 0);
	forget();
	CHECK_HOLDS(failure.text, "cannot execute it: Operation not permitted");
}

static void what_takes_too_long_goes_with_its_children(void)
{
	struct hook_run started;
	int status;

	enter_temp_dir();
	CHECK(start_hook(&started, shell("sleep 1000 & echo $! >child; wait"), "", NULL, NULL) == 0);
	for (int i = 0; i < 1000 && (access("child", F_OK) < 0 || !*read_text("child")); i++)
		usleep(10000);
	kill_hook(&started);
	CHECK(waitpid(started.pid, &status, 0) == started.pid);
	CHECK(finish_hook(&started, status, "it took longer than it may", &failure) < 0);
	forget();
	CHECK_TEXT(failure.text, "hooks.prestart (/bin/sh): it took longer than it may");
	for (int i = 0; i < 1000 && kill(atoi(read_text("child")), 0) == 0; i++)
		usleep(10000);
	CHECK(kill(atoi(read_text("child")), 0) < 0 && errno == ESRCH);
	leave_temp_dir();
}

static void plans_are_checked(void)
{
	hooks = (struct hooks){0};
	CHECK(plan_hook_argument(&hooks, (char *[]){word("x")}) < 0 && errno == EPROTO);
	CHECK(plan_hook_environment(&hooks, (char *[]){word("x")}) < 0 && errno == EPROTO);
	CHECK(plan_hook(&hooks, (char *[]){word("postpone"), word("/x"), word("0")}) < 0 && errno == EPROTO);
	CHECK(plan_hook(&hooks, (char *[]){word("poststart"), word("/x"), word("-1")}) < 0);
	hooks = (struct hooks){0};
	for (int i = 0; i < HOOKS_MAX; i++)
		CHECK(plan_hook(&hooks, (char *[]){word("createRuntime"), word("/x"), word("0")}) == 0);
	CHECK(plan_hook(&hooks, (char *[]){word("createRuntime"), word("/x"), word("0")}) < 0 && errno == E2BIG);
	CHECK(has_hooks(&hooks, HOOK_CREATE_RUNTIME) && !has_hooks(&hooks, HOOK_POSTSTART));
}

static void the_state_gets_what_changes(void)
{
	char text[64];

	hooks = (struct hooks){.state = "{\"id\":\"hello\""};
	CHECK(format_state(&hooks, "creating", 42, text, sizeof(text)));
	CHECK_TEXT(text, "{\"id\":\"hello\",\"status\":\"creating\",\"pid\":42}");
	CHECK(format_state(&hooks, "stopped", 0, text, sizeof(text)));
	CHECK_TEXT(text, "{\"id\":\"hello\",\"status\":\"stopped\"}");
	CHECK(!format_state(&hooks, "stopped", 0, text, 20));
}

static const struct check_test tests[] = {
	{TEST(a_hook_reads_the_state_and_has_its_own_environment)},
	{TEST(how_it_failed_is_told_with_what_it_said)},
	{TEST(what_cannot_be_executed_is_told)},
	{TEST(it_is_not_run_where_it_cannot_be)},
	{TEST(what_takes_too_long_goes_with_its_children)},
	{TEST(plans_are_checked)},
	{TEST(the_state_gets_what_changes)},
};

CHECK_MAIN(tests)
