#include "monitor.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"
#include "testing/temp-dir.h"

#include <errno.h>

static struct monitor monitor;

static void reset(void)
{
	monitor = (struct monitor){0};
	monitor_initialize(&monitor);
}

static void each_phase_is_written(void)
{
	enter_temp_dir();
	reset();
	monitor.init.phase = PHASE_CREATED;
	monitor.init.pid = 4194304;
	monitor.init.start_time = UINT64_MAX;
	write_status(&monitor.init);
	CHECK_TEXT(read_text("status"), "phase created\nstarted 0\npid 4194304 18446744073709551615\n");
	monitor.init.phase = PHASE_RUNNING;
	monitor.init.started = true;
	write_status(&monitor.init);
	CHECK_TEXT(read_text("status"), "phase running\nstarted 1\npid 4194304 18446744073709551615\n");
	monitor.init.phase = PHASE_STOPPED;
	monitor.init.exit_status = 255;
	monitor.init.exited_at = (struct timespec){1700000000, 999999999};
	write_status(&monitor.init);
	CHECK_TEXT(
		read_text("status"), "phase stopped\nstarted 1\npid 4194304 18446744073709551615\n"
							 "exit 255 1700000000 999999999\n");
	CHECK(access("status.new", F_OK) < 0);
	leave_temp_dir();
}

/* For a daemon that finds no monitor any more. */
static void what_was_asked_for_is_kept_with_the_end(void)
{
	struct gate_failure failure = {2, "no such\nthing"};

	enter_temp_dir();
	reset();
	monitor.init.phase = PHASE_RUNNING;
	monitor.init.started = true;
	monitor.init.pid = 7;
	strcpy(monitor.init.asked, "k/1/3");
	remember_call(&monitor.calls, "k/1/5", 0, NULL);
	remember_call(&monitor.calls, "k/2/1", ESRCH, NULL);
	write_status(&monitor.init);
	CHECK_TEXT(read_text("status"), "phase running\nstarted 1\npid 7 0\nasked k/1/3\n");
	monitor.init.phase = PHASE_STOPPED;
	monitor.init.start_failed = true;
	monitor.init.failure = failure;
	write_status(&monitor.init);
	CHECK_HOLDS(
		read_text("status"), "exit 0 0 0\nasked k/1/3\nstart-failed 2 no such thing\ndone k/1/5 0\ndone k/2/1 3\n");
	reset();
	CHECK(read_status(&monitor.init) == 0);
	CHECK_TEXT(monitor.init.asked, "k/1/3");
	write_failure(&failure);
	CHECK_TEXT(read_text("failure"), "2 no such\nthing\n");
	leave_temp_dir();
}

/* The next monitor to look, after one was killed, sees the same. */
static void what_killed_for_want_of_memory_is_written_of(void)
{
	struct process process = {0};

	enter_temp_dir();
	initialize_process(&process, "", "init.plan");
	process.phase = PHASE_STOPPED;
	process.started = true;
	process.oom_count = 3;
	write_status(&process);
	CHECK_TEXT(read_text("status"), "phase stopped\nstarted 1\npid 0 0\nexit 0 0 0\noom 3\n");
	CHECK(read_status(&process) == 0);
	leave_temp_dir();
}

static void what_was_written_is_read_back(void)
{
	enter_temp_dir();
	reset();
	for (int phase = PHASE_CREATING; phase <= PHASE_STOPPED; phase++) {
		reset();
		monitor.init.phase = (enum phase)phase;
		monitor.init.started = phase >= PHASE_RUNNING;
		monitor.init.pid = 100 + phase;
		monitor.init.start_time = 1ull << 60;
		write_status(&monitor.init);
		reset();
		CHECK(read_status(&monitor.init) == 0);
		CHECK((int)monitor.init.phase == phase && monitor.init.started == (phase >= PHASE_RUNNING));
		CHECK(monitor.init.pid == 100 + phase && monitor.init.start_time == 1ull << 60);
	}
	leave_temp_dir();
}

static void what_is_no_status_changes_nothing(void)
{
	static const char *const texts[] = {
		"",
		"phase",
		"phase running\n",
		"phase running\nstarted 1\n",
		"phase running\nstarted 1\npid 7\n",
		"phase nonsense\nstarted 1\npid 1 1\n",
		"phase aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nstarted 1\npid 1 1\n",
		"started 1\nphase running\npid 1 1\n",
	};
	int before;

	enter_temp_dir();
	reset();
	before = count_descriptors();
	CHECK(read_status(&monitor.init) < 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_text("status", texts[i]);
		CHECK(read_status(&monitor.init) < 0);
		CHECK(monitor.init.phase == PHASE_CREATING && !monitor.init.started && !monitor.init.pid);
	}
	CHECK(count_descriptors() == before);
	leave_temp_dir();
}

/* A full disk has no room for a second file: then the first one is written over. */
static void without_room_for_a_new_file_the_old_one_is_used(void)
{
	int before;

	enter_temp_dir();
	reset();
	monitor.init.phase = PHASE_STOPPED;
	write_status(&monitor.init);
	before = count_descriptors();
	CHECK(mkdir("status.new", 0700) == 0);
	monitor.init.phase = PHASE_RUNNING;
	write_status(&monitor.init);
	/* Shorter than before, and nothing of that is left. */
	CHECK_TEXT(read_text("status"), "phase running\nstarted 0\npid 0 0\n");
	CHECK(count_descriptors() == before);
	leave_temp_dir();
}

/* The container goes on, and the next write may succeed. */
static void a_write_that_fails_altogether_is_no_end(void)
{
	int before;

	enter_temp_dir();
	reset();
	before = count_descriptors();
	CHECK(mkdir("status.new", 0700) == 0);
	monitor.init.phase = PHASE_RUNNING;
	write_status(&monitor.init);
	CHECK(!status_exists());
	CHECK(count_descriptors() == before);
	CHECK(rmdir("status.new") == 0);
	write_status(&monitor.init);
	CHECK(status_exists());
	CHECK_HOLDS(read_text("status"), "phase running\n");
	leave_temp_dir();
}

static const struct check_test tests[] = {
	{TEST(each_phase_is_written)},
	{TEST(what_killed_for_want_of_memory_is_written_of)},
	{TEST(what_was_asked_for_is_kept_with_the_end)},
	{TEST(what_was_written_is_read_back)},
	{TEST(what_is_no_status_changes_nothing)},
	{TEST(without_room_for_a_new_file_the_old_one_is_used)},
	{TEST(a_write_that_fails_altogether_is_no_end)},
};

CHECK_MAIN(tests)
