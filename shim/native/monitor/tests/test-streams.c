#include "monitor.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"
#include "testing/temp-dir.h"

#include <errno.h>
#include <pty.h>

static struct monitor monitor;

/* Opens the streams with these paths; NULL is none. Returns open_streams' result. */
static int open_with(const char *in, const char *out, const char *err)
{
	monitor = (struct monitor){0};
	monitor_initialize(&monitor);
	monitor.init.streams[0].path = in ? in : "";
	monitor.init.streams[1].path = out ? out : "";
	monitor.init.streams[2].path = err ? err : "";
	return open_streams(&monitor.init, &monitor.stream_owner);
}

static int payload(int number)
{
	return monitor.init.streams[number].payload_fd;
}

/* What the container would do: its descriptors are taken by the init, and closed here. */
static int take_payload(int number)
{
	int fd = monitor.init.streams[number].payload_fd;

	monitor.init.streams[number].payload_fd = -1;
	return fd;
}

static void say(int fd, const char *text)
{
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

/* What can be read now: NULL at the end, "" where nothing is there yet. */
static const char *hear(int fd)
{
	static char text[65536];
	int flags = fcntl(fd, F_GETFL);
	ssize_t size;

	CHECK(fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
	size = read(fd, text, sizeof(text) - 1);
	CHECK(size >= 0 || errno == EAGAIN);
	CHECK(fcntl(fd, F_SETFL, flags) == 0);
	text[size > 0 ? size : 0] = '\0';
	return size == 0 ? NULL : text;
}

static int client_opens(const char *path, int flags)
{
	int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static void enter_with_fifos(void)
{
	enter_temp_dir();
	CHECK(mkfifo("in", 0600) == 0 && mkfifo("out", 0600) == 0 && mkfifo("err", 0600) == 0);
}

/* Nothing of a test stays open. */
static void leave(int before)
{
	monitor.init.released = true;
	settle_streams(&monitor.init);
	CHECK(count_descriptors() == before);
	leave_temp_dir();
}

static void without_paths_there_is_nothing(void)
{
	int before = count_descriptors();
	struct stat st;

	enter_temp_dir();
	CHECK(open_with(NULL, NULL, NULL) == 0);
	for (int i = 0; i < 3; i++) {
		CHECK(fstat(payload(i), &st) == 0 && st.st_rdev == makedev(1, 3));
		CHECK((fcntl(payload(i), F_GETFL) & O_ACCMODE) == (i ? O_WRONLY : O_RDONLY));
		CHECK(is_close_on_exec(payload(i)));
		CHECK(monitor.init.streams[i].hold_fd < 0);
	}
	close_payload_streams(&monitor.init);
	CHECK(!settle_streams(&monitor.init));
	leave(before);
}

/* No client is there yet, and none may ever come: opening does not wait for one. */
static void fifos_are_opened_at_once_and_block_later(void)
{
	int before = count_descriptors();

	enter_with_fifos();
	CHECK(open_with("in", "out", "err") == 0);
	for (int i = 0; i < 3; i++) {
		CHECK(!(fcntl(payload(i), F_GETFL) & O_NONBLOCK));
		CHECK(is_close_on_exec(payload(i)) && is_close_on_exec(monitor.init.streams[i].hold_fd));
	}
	leave(before);
}

static void a_client_that_goes_costs_no_output(void)
{
	int before = count_descriptors();
	int out, client;

	enter_with_fifos();
	CHECK(open_with("in", "out", "err") == 0);
	out = take_payload(1);
	client = client_opens("out", O_RDONLY);
	say(out, "one");
	CHECK_TEXT(hear(client), "one");
	close(client);
	/* No EPIPE, and nothing lost. */
	say(out, "two");
	client = client_opens("out", O_RDONLY);
	CHECK_TEXT(hear(client), "two");
	CHECK_TEXT(hear(client), "");
	close(client);
	close(out);
	leave(before);
}

static void a_client_that_goes_is_no_end_of_input(void)
{
	int before = count_descriptors();
	int in, client;

	enter_with_fifos();
	CHECK(open_with("in", "out", "err") == 0);
	in = take_payload(0);
	CHECK_TEXT(hear(in), "");
	client = client_opens("in", O_WRONLY);
	say(client, "one");
	close(client);
	CHECK_TEXT(hear(in), "one");
	CHECK_TEXT(hear(in), "");
	client = client_opens("in", O_WRONLY);
	say(client, "two");
	/* CloseIO: the client's own end is still open. */
	close_stdin(&monitor.init);
	close_stdin(&monitor.init);
	CHECK_TEXT(hear(in), "two");
	CHECK_TEXT(hear(in), "");
	close(client);
	CHECK(!hear(in));
	close(in);
	leave(before);
}

/* The container ends, and its client reads. */
static void a_reader_gets_the_rest_and_then_the_end(void)
{
	int before = count_descriptors();
	int out, client;

	enter_with_fifos();
	CHECK(open_with("in", "out", "err") == 0);
	client = client_opens("out", O_RDONLY);
	out = take_payload(1);
	say(out, "the rest");
	CHECK_TEXT(hear(client), "the rest");
	CHECK_TEXT(hear(client), "");
	close(out);
	CHECK(!settle_streams(&monitor.init));
	CHECK(!hear(client));
	close(client);
	leave(before);
}

static void a_slow_reader_gets_the_rest_too(void)
{
	int before = count_descriptors();
	int out, client;

	enter_with_fifos();
	CHECK(open_with("in", "out", "err") == 0);
	client = client_opens("out", O_RDONLY);
	out = take_payload(1);
	say(out, "the rest");
	close(out);
	CHECK(!settle_streams(&monitor.init));
	CHECK_TEXT(hear(client), "the rest");
	CHECK(!hear(client));
	close(client);
	leave(before);
}

static void output_that_nobody_reads_is_kept_until_somebody_does(void)
{
	int before = count_descriptors();
	int out, err, client;

	enter_with_fifos();
	CHECK(open_with("in", "out", "err") == 0);
	out = take_payload(1);
	err = take_payload(2);
	say(out, "output");
	say(err, "errors");
	close(out);
	close(err);
	for (int i = 0; i < 3; i++)
		CHECK(settle_streams(&monitor.init));
	client = client_opens("out", O_RDONLY);
	/* The other one is still kept. */
	CHECK(settle_streams(&monitor.init));
	CHECK_TEXT(hear(client), "output");
	CHECK(!hear(client));
	close(client);
	client = client_opens("err", O_RDONLY);
	CHECK(!settle_streams(&monitor.init));
	CHECK_TEXT(hear(client), "errors");
	CHECK(!hear(client));
	close(client);
	leave(before);
}

static void a_release_gives_up_what_nobody_reads_any_more(void)
{
	int before = count_descriptors();
	int out, client;

	enter_with_fifos();
	client = client_opens("out", O_RDONLY);
	CHECK(open_with("in", "out", "err") == 0);
	CHECK(close(client) == 0);
	out = take_payload(1);
	say(out, "output");
	close(out);
	CHECK(settle_streams(&monitor.init));
	release_streams(&monitor.init);
	CHECK(!settle_streams(&monitor.init));
	leave(before);
}

static void a_release_waits_for_who_has_not_opened_it_yet(void)
{
	int before = count_descriptors();
	int out, client;

	enter_with_fifos();
	CHECK(open_with("in", "out", "err") == 0);
	out = take_payload(1);
	say(out, "output");
	close(out);
	release_streams(&monitor.init);
	CHECK(settle_streams(&monitor.init));
	client = client_opens("out", O_RDONLY);
	CHECK(!settle_streams(&monitor.init));
	CHECK_TEXT(hear(client), "output");
	CHECK(hear(client) == NULL);
	close(client);
	leave(before);
}

static void a_release_does_not_wait_for_ever(void)
{
	int before = count_descriptors();
	int out;

	enter_with_fifos();
	CHECK(open_with("in", "out", "err") == 0);
	out = take_payload(1);
	say(out, "output");
	close(out);
	release_streams(&monitor.init);
	monitor.init.released_at.tv_sec -= 3;
	CHECK(!settle_streams(&monitor.init));
	leave(before);
}

static void a_release_waits_for_no_reader_of_nothing(void)
{
	int before = count_descriptors();

	enter_with_fifos();
	CHECK(open_with("in", "out", "err") == 0);
	close(take_payload(1));
	release_streams(&monitor.init);
	CHECK(!settle_streams(&monitor.init));
	leave(before);
}

static void what_a_terminal_has_left_waits_for_a_reader_too(void)
{
	int before = count_descriptors();
	int master, slave, client;

	enter_with_fifos();
	monitor = (struct monitor){0};
	monitor_initialize(&monitor);
	monitor.init.terminal.wanted = true;
	monitor.init.streams[0].path = monitor.init.streams[2].path = "";
	monitor.init.streams[1].path = "out";
	CHECK(open_streams(&monitor.init, &monitor.stream_owner) == 0);
	CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0);
	CHECK(adopt_terminal(&monitor.init, master) == 0);
	say(slave, "screen");
	close(slave);
	monitor.init.phase = PHASE_STOPPED;
	release_streams(&monitor.init);
	CHECK(settle_streams(&monitor.init));
	CHECK(settle_streams(&monitor.init));
	client = client_opens("out", O_RDONLY);
	while (settle_streams(&monitor.init))
		continue;
	CHECK_TEXT(hear(client), "screen");
	close(client);
	leave(before);
}

static void a_fifo_that_is_gone_keeps_nothing(void)
{
	int before = count_descriptors();
	int out;

	enter_with_fifos();
	CHECK(open_with("in", "out", "err") == 0);
	out = take_payload(1);
	say(out, "output");
	close(out);
	CHECK(unlink("out") == 0);
	CHECK(!settle_streams(&monitor.init));
	leave(before);
}

static void a_creation_that_failed_lets_go_of_all(void)
{
	int before = count_descriptors();

	enter_with_fifos();
	CHECK(open_with("in", "out", "absent") < 0);
	CHECK_TEXT(monitor.init.failure.text, "cannot open stderr (absent): No such file or directory");
	CHECK(monitor.init.failure.error == ENOENT);
	CHECK(!settle_streams(&monitor.init));
	leave(before);
}

static void one_fifo_may_serve_both_outputs(void)
{
	int before = count_descriptors();
	int out, err, client;

	enter_with_fifos();
	CHECK(open_with(NULL, "out", "out") == 0);
	client = client_opens("out", O_RDONLY);
	out = take_payload(1);
	err = take_payload(2);
	say(out, "one ");
	say(err, "two");
	CHECK_TEXT(hear(client), "one two");
	close(out);
	close(err);
	CHECK(!settle_streams(&monitor.init));
	CHECK(!hear(client));
	close(client);
	leave(before);
}

static void files_are_appended_to(void)
{
	int before = count_descriptors();
	struct stat st;
	mode_t mask = umask(022);

	enter_temp_dir();
	write_text("input", "input");
	write_text("output", "before ");
	CHECK(open_with("input", "output", "output") == 0);
	CHECK_TEXT(hear(payload(0)), "input");
	say(payload(1), "one ");
	say(payload(2), "two");
	CHECK_TEXT(read_text("output"), "before one two");
	CHECK(!settle_streams(&monitor.init));
	/* With log-file, one that is not there is made. */
	monitor = (struct monitor){0};
	monitor_initialize(&monitor);
	monitor.init.streams[1] = (struct stream){.path = "log", .create = true, .payload_fd = -1, .hold_fd = -1};
	monitor.init.streams[2] = (struct stream){.path = "log", .create = true, .payload_fd = -1, .hold_fd = -1};
	CHECK(open_streams(&monitor.init, &monitor.stream_owner) == 0);
	say(payload(1), "one ");
	say(payload(2), "two");
	CHECK_TEXT(read_text("log"), "one two");
	CHECK(stat("log", &st) == 0 && (st.st_mode & 0777) == 0644);
	umask(mask);
	leave(before);
}

/* Nobody reads it, and nobody waits for that. */
static void a_fifo_in_place_of_a_log_is_a_fifo(void)
{
	int before = count_descriptors();
	int client;

	enter_with_fifos();
	monitor = (struct monitor){0};
	monitor_initialize(&monitor);
	monitor.init.streams[1] = (struct stream){.path = "out", .create = true, .payload_fd = -1, .hold_fd = -1};
	CHECK(open_streams(&monitor.init, &monitor.stream_owner) == 0);
	say(payload(1), "output");
	client = client_opens("out", O_RDONLY);
	CHECK_TEXT(hear(client), "output");
	close(client);
	leave(before);
}

static void paths_that_cannot_be_streams_are_refused(void)
{
	int before = count_descriptors();

	enter_with_fifos();
	CHECK(mkdir("directory", 0755) == 0);
	CHECK(open_with(NULL, "directory", NULL) < 0);
	CHECK_TEXT(monitor.init.failure.text, "cannot open stdout (directory): Is a directory");
	close_payload_streams(&monitor.init);
	CHECK(open_with("absent", NULL, NULL) < 0);
	CHECK_TEXT(monitor.init.failure.text, "cannot open stdin (absent): No such file or directory");
	close_payload_streams(&monitor.init);
	/* In a directory that is missing, a log cannot be made either. */
	monitor = (struct monitor){0};
	monitor_initialize(&monitor);
	monitor.init.streams[1] = (struct stream){.path = "absent/log", .create = true, .payload_fd = -1, .hold_fd = -1};
	CHECK(open_streams(&monitor.init, &monitor.stream_owner) < 0);
	CHECK(monitor.init.failure.error == ENOENT);
	leave(before);
}

static void fifos_are_given_to_the_containers_root(void)
{
	int before = count_descriptors();
	struct stat st;

	if (geteuid() != 0)
		return;
	enter_with_fifos();
	write_text("file", "");
	monitor = (struct monitor){0};
	monitor_initialize(&monitor);
	monitor.stream_owner.given = true;
	monitor.stream_owner.uid = 100000;
	monitor.stream_owner.gid = 100001;
	monitor.init.streams[1].path = "out";
	monitor.init.streams[2].path = "file";
	CHECK(open_streams(&monitor.init, &monitor.stream_owner) == 0);
	CHECK(stat("out", &st) == 0 && st.st_uid == 100000 && st.st_gid == 100001);
	CHECK(stat("file", &st) == 0 && st.st_uid == 0);
	leave(before);
}

static const struct check_test tests[] = {
	{TEST(without_paths_there_is_nothing)},
	{TEST(fifos_are_opened_at_once_and_block_later)},
	{TEST(a_client_that_goes_costs_no_output)},
	{TEST(a_client_that_goes_is_no_end_of_input)},
	{TEST(a_reader_gets_the_rest_and_then_the_end)},
	{TEST(a_slow_reader_gets_the_rest_too)},
	{TEST(output_that_nobody_reads_is_kept_until_somebody_does)},
	{TEST(a_release_gives_up_what_nobody_reads_any_more)},
	{TEST(a_release_waits_for_who_has_not_opened_it_yet)},
	{TEST(a_release_does_not_wait_for_ever)},
	{TEST(a_release_waits_for_no_reader_of_nothing)},
	{TEST(what_a_terminal_has_left_waits_for_a_reader_too)},
	{TEST(a_fifo_that_is_gone_keeps_nothing)},
	{TEST(a_creation_that_failed_lets_go_of_all)},
	{TEST(one_fifo_may_serve_both_outputs)},
	{TEST(files_are_appended_to)},
	{TEST(a_fifo_in_place_of_a_log_is_a_fifo)},
	{TEST(paths_that_cannot_be_streams_are_refused)},
	{TEST(fifos_are_given_to_the_containers_root)},
};

CHECK_MAIN(tests)
