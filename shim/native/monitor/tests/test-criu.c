/* Dumps and restores, by a criu that is a script of the test's. */
#include "../common/kernel.h"
#include "monitor.h"
#include "testing/check.h"
#include "testing/sandbox.h"
#include "testing/temp-dir.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define PATIENCE_ROUNDS 2000

static struct monitor monitor;
static int daemon_end;

/* A container in the given phase, whose first process is a child that waits. */
static void begin(enum phase phase)
{
	int pair[2];

	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
	enter_temp_dir();
	monitor = (struct monitor){0};
	monitor_initialize(&monitor);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	daemon_end = pair[0];
	monitor.init.phase = phase;
	if (phase == PHASE_RUNNING) {
		pid_t child = fork();

		if (child == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		CHECK(identify_process(&monitor.init, child) == 0);
	} else {
		monitor.is_restored = true;
	}
	adopt_connection(&monitor, pair[1]);
}

static void write_script(const char *text)
{
	write_text("criu", text);
	CHECK(chmod("criu", 0700) == 0);
}

/* Words that end with a bar each. */
static void write_words(const char *file, const char *text)
{
	char words[1024];
	size_t size = strlen(text);
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(size < sizeof(words));
	for (size_t i = 0; i <= size; i++)
		words[i] = text[i] == '|' ? '\0' : text[i];
	CHECK(fd >= 0 && write(fd, words, size) == (ssize_t)size);
	close(fd);
}

static const char *serve_until(const char *told)
{
	static struct watch_list list;
	static char text[65536];
	size_t length = 0;

	for (int i = 0; i < PATIENCE_ROUNDS; i++) {
		ssize_t size = recv(daemon_end, text + length, sizeof(text) - 1 - length, MSG_DONTWAIT);

		length += size > 0 ? (size_t)size : 0;
		text[length] = '\0';
		if (strstr(text, told))
			return text;
		clear_watchers(&list);
		watch_container(&monitor, &list);
		wait_at_most(&list, 5);
		run_watchers(&list, &monitor);
		reap_children(&monitor);
	}
	CHECK_HOLDS(text, told);
	return text;
}

static void a_dump_is_told_and_noted(void)
{
	begin(PHASE_RUNNING);
	write_script("#!/bin/sh\necho \"$1\" > seen\nexit 3\n");
	write_words(CRIU_DUMP_PLAN, "argument|./criu|argument|dump|");
	command_checkpoint(&monitor, "/proc/self/ns/net k/1/3");
	/* While it runs, whoever asks is told when it has ended. */
	command_await_checkpoint(&monitor, "k/1/3");
	serve_until("checkpointed 3\n");
	CHECK_TEXT(read_text("seen"), "dump\n");
	CHECK_TEXT(read_text(CRIU_STATUS_FILE), "3 k/1/3\n");
	command_await_checkpoint(&monitor, "k/1/3");
	serve_until("checkpointed 3\n");
	/* One of which the monitor was not told any more was not begun. */
	command_await_checkpoint(&monitor, "k/1/5");
	serve_until("checkpointed 255\n");
	CHECK(monitor.init.phase == PHASE_RUNNING);
	kill(monitor.init.pid, SIGKILL);
	serve_until("exited 137 ");
}

static void a_dump_that_cannot_begin_is_told(void)
{
	begin(PHASE_RUNNING);
	command_checkpoint(&monitor, "");
	serve_until("checkpointed 255\n");
	write_words(CRIU_DUMP_PLAN, "argument|./none|");
	command_checkpoint(&monitor, "");
	serve_until("checkpointed 125\n");
	CHECK_HOLDS(read_text(CRIU_OUTPUT), "Error (lxcri-monitor): cannot execute ./none: No such file");
	write_words(CRIU_DUMP_PLAN, "argument|./criu|inherit-stream|10|3|");
	command_checkpoint(&monitor, "");
	serve_until("checkpointed 255\n");
	kill(monitor.init.pid, SIGKILL);
	serve_until("exited 137 ");
	command_checkpoint(&monitor, "");
	serve_until("checkpointed 255\n");
}

static void a_dump_that_hangs_can_be_ended(void)
{
	begin(PHASE_RUNNING);
	write_script("#!/bin/sh\nsleep 1000\n");
	write_words(CRIU_DUMP_PLAN, "argument|./criu|");
	command_checkpoint(&monitor, "");
	command_abort_checkpoint(&monitor);
	serve_until("checkpointed 137\n");
}

static const char restore_script[] = "#!/bin/sh\n"
									 "cat /proc/self/fd/10 > inherited\n"
									 "stat -c %F place/made/dir place/made/file > made\n"
									 "sh -c 'while [ ! -e end ]; do sleep 0.01; done; exit 7' &\n"
									 "echo $! > criu.pid\n";

static const char restore_plan[] = "argument|./criu|root|root|place|inherit-file|10|given|mount-point|/made/dir|1|"
								   "mount-point|/made/file|0|";

static void what_is_restored_is_the_container(void)
{
	const char *told;

	begin(PHASE_CREATED);
	serve_until("created 0 0\n");
	CHECK(mkdir("root", 0755) == 0 && mkdir("place", 0755) == 0);
	write_text("given", "from the monitor\n");
	write_script(restore_script);
	write_words(CRIU_RESTORE_PLAN, restore_plan);
	command_restore(&monitor, "");
	/* Asked again by the next daemon. */
	command_restore(&monitor, "");
	told = serve_until("running\n");
	CHECK_HOLDS(told, "created ");
	CHECK(monitor.init.pid > 0 && monitor.init.phase == PHASE_RUNNING);
	CHECK_TEXT(read_text("inherited"), "from the monitor\n");
	CHECK_TEXT(read_text("made"), "directory\nregular empty file\n");
	/* In the root itself, and no mount is left. */
	CHECK(access("root/made/dir", F_OK) == 0 && access("place/made", F_OK) < 0);
	write_text("end", "");
	serve_until("exited 7 ");
}

static void a_restore_that_fails_ends_the_container(void)
{
	begin(PHASE_CREATED);
	CHECK(mkdir("root", 0755) == 0 && mkdir("place", 0755) == 0);
	write_script("#!/bin/sh\nexit 1\n");
	write_words(CRIU_RESTORE_PLAN, "argument|./criu|root|root|place|");
	command_restore(&monitor, "");
	CHECK_HOLDS(serve_until("exited 255 "), "start-failed 0 criu restore ended with 1\n");
	CHECK(monitor.init.phase == PHASE_STOPPED);
}

static void a_restore_without_a_plan_fails(void)
{
	begin(PHASE_CREATED);
	command_restore(&monitor, "");
	CHECK_HOLDS(serve_until("exited 255 "), "start-failed 2 cannot start criu\n");
}

/* What an image has laid on the way is not followed. */
static void a_mount_point_is_never_made_through_a_link(void)
{
	begin(PHASE_CREATED);
	CHECK(mkdir("root", 0755) == 0 && mkdir("place", 0755) == 0 && mkdir("outside", 0755) == 0);
	CHECK(symlink("../outside", "root/link") == 0);
	write_script(restore_script);
	write_words(CRIU_RESTORE_PLAN, "argument|./criu|root|root|place|mount-point|/link/x|1|");
	command_restore(&monitor, "");
	serve_until("start-failed 0 criu restore ended with 125\n");
	CHECK_HOLDS(read_text(CRIU_OUTPUT), "cannot make the mount point /link/x: ");
	CHECK(access("outside/x", F_OK) < 0);
}

static void one_that_was_never_started_can_be_ended(void)
{
	begin(PHASE_CREATED);
	command_abort(&monitor);
	serve_until("exited 137 ");
	CHECK(monitor.init.phase == PHASE_STOPPED);
}

static const struct check_test tests[] = {
	{TEST(a_dump_is_told_and_noted)},
	{TEST(a_dump_that_cannot_begin_is_told)},
	{TEST(a_dump_that_hangs_can_be_ended)},
	{TEST(what_is_restored_is_the_container)},
	{TEST(a_restore_that_fails_ends_the_container)},
	{TEST(a_restore_without_a_plan_fails)},
	{TEST(a_mount_point_is_never_made_through_a_link)},
	{TEST(one_that_was_never_started_can_be_ended)},
};

int main(void)
{
	return check_run_in_children(tests, sizeof(tests) / sizeof(tests[0]));
}
