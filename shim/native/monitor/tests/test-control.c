#include "keeper.h"
#include "monitor.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"
#include "testing/temp-dir.h"

#include "../common/kernel.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct monitor monitor;

static void reset(void)
{
	monitor = (struct monitor){0};
	monitor_initialize(&monitor);
}

/* A connection of the monitor's; returns the daemon's end. */
static int attach(void)
{
	int pair[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	adopt_connection(&monitor, pair[1]);
	return pair[0];
}

/* All that the monitor has said on a connection up to now. */
static const char *said(int fd)
{
	static char text[8192];
	ssize_t size = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	CHECK(size >= 0 || errno == EAGAIN);
	text[size > 0 ? size : 0] = '\0';
	return text;
}

static bool has_ended(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

static struct connection *connection_of(int index)
{
	int seen = 0;

	for (int i = MONITOR_MAX_CONNECTIONS; i-- > 0;)
		if (monitor.connections[i].fd >= 0 && seen++ == index)
			return &monitor.connections[i];
	return NULL;
}

/* Sends bytes, and has the monitor read them as its main loop would. */
static void command(int fd, const char *text)
{
	CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
	for (int i = 0; i < MONITOR_MAX_CONNECTIONS; i++)
		if (monitor.connections[i].fd >= 0)
			read_connection(&monitor, &monitor.connections[i]);
}

static void release_all(void)
{
	for (int i = 0; i < MONITOR_MAX_CONNECTIONS; i++)
		if (monitor.connections[i].fd >= 0)
			close(monitor.connections[i].fd);
	reset();
}

static void a_connection_begins_with_what_is_known(void)
{
	int fd;

	reset();
	fd = attach();
	CHECK_TEXT(said(fd), "");
	close(fd);
	monitor.init.phase = PHASE_CREATED;
	monitor.init.pid = 42;
	monitor.init.start_time = 77;
	fd = attach();
	CHECK_TEXT(said(fd), "created 42 77\n");
	close(fd);
	monitor.init.phase = PHASE_RUNNING;
	monitor.is_announced = true;
	fd = attach();
	CHECK_TEXT(said(fd), "created 42 77\nrunning\n");
	close(fd);
	monitor.init.phase = PHASE_STOPPED;
	monitor.init.exit_status = 137;
	monitor.init.exited_at = (struct timespec){1700000000, 5};
	fd = attach();
	CHECK_TEXT(said(fd), "created 42 77\nrunning\nexited 137 1700000000 5\n");
	close(fd);
	/* Created and ended, never started. */
	monitor.is_announced = false;
	fd = attach();
	CHECK_TEXT(said(fd), "created 42 77\nexited 137 1700000000 5\n");
	close(fd);
	release_all();
}

/* What was not created has no creation to be told of, even if its init had said hello. */
static void a_failed_creation_is_told_as_that_alone(void)
{
	int fd;

	reset();
	monitor.init.phase = PHASE_STOPPED;
	monitor.init.pid = 42;
	errno = ENOENT;
	monitor_fail(&monitor, "no such\nthing");
	fd = attach();
	CHECK_TEXT(said(fd), "failed 2 no such thing\n");
	close(fd);
	release_all();
}

static void everybody_is_told(void)
{
	int one, other;

	reset();
	one = attach();
	other = attach();
	tell(&monitor, "running");
	CHECK_TEXT(said(one), "running\n");
	CHECK_TEXT(said(other), "running\n");
	warn(&monitor, "this and\nthat %d", 7);
	CHECK_TEXT(said(one), "warning this and that 7\n");
	close(one);
	tell(&monitor, "running");
	CHECK_TEXT(said(other), "warning this and that 7\nrunning\n");
	close(other);
	release_all();
}

static void lines_that_are_too_long_are_cut_and_ended(void)
{
	static char text[5000];
	const char *line;
	int fd;

	reset();
	fd = attach();
	memset(text, 'x', sizeof(text) - 1);
	tell(&monitor, "failed 1 %s", text);
	line = said(fd);
	CHECK(strlen(line) < GATE_TEXT + 64 && strlen(line) > GATE_TEXT / 2);
	CHECK(strchr(line, '\n') == line + strlen(line) - 1);
	close(fd);
	release_all();
}

static void commands_may_come_in_pieces(void)
{
	const char *text = "close-stdin\nrelease\n";
	int fd, pipe_fds[2];

	reset();
	CHECK(pipe(pipe_fds) == 0);
	monitor.init.streams[0].hold_fd = pipe_fds[1];
	fd = attach();
	for (const char *next = text; *next; next++) {
		const char byte[] = {*next, '\0'};

		CHECK(monitor.init.released == false);
		command(fd, byte);
		CHECK((monitor.init.streams[0].hold_fd < 0) == (next - text >= 11));
	}
	CHECK(monitor.init.released);
	CHECK_TEXT(said(fd), "");
	close(pipe_fds[0]);
	close(fd);
	release_all();
}

static void commands_may_come_together(void)
{
	int fd;

	reset();
	fd = attach();
	command(fd, "signal 9\nsignal 10\nrelease\nsig");
	CHECK_TEXT(said(fd), "signalled 3\nsignalled 3\n");
	CHECK(monitor.init.released);
	command(fd, "nal 1\n");
	CHECK_TEXT(said(fd), "signalled 3\n");
	close(fd);
	release_all();
}

/* Each answer goes to whoever asked. */
static void answers_are_for_the_one_who_asked(void)
{
	int one, other;
	pid_t child;

	reset();
	child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	monitor.init.phase = PHASE_RUNNING;
	monitor.init.pid = child;
	monitor.init.pidfd = lxcri_pidfd_open(child);
	one = attach();
	other = attach();
	said(one);
	said(other);
	command(other, "signal 0\n");
	CHECK_TEXT(said(other), "signalled 0\n");
	CHECK_TEXT(said(one), "");
	command(one, "signal 65\n");
	CHECK_TEXT(said(one), "signalled 22\n");
	command(one, "signal -1\n");
	CHECK_TEXT(said(one), "signalled 22\n");
	command(one, "signal 9\n");
	CHECK_TEXT(said(one), "signalled 0\n");
	CHECK(status_of(child) == 128 + SIGKILL);
	/* Gone, though nobody has said so yet: a pid that is used again is not hit. */
	command(one, "signal 9\n");
	CHECK_TEXT(said(one), "signalled 3\n");
	monitor.init.phase = PHASE_STOPPED;
	command(one, "signal 9\n");
	CHECK_TEXT(said(one), "signalled 3\n");
	close(monitor.init.pidfd);
	close(one);
	close(other);
	release_all();
}

static int count_signals;

static void count_signal(int number)
{
	(void)number;
	count_signals++;
}

/* By the next daemon, over a connection of its own. */
static void a_call_that_comes_again_is_answered_and_not_done_again(void)
{
	int one, other;

	reset();
	signal(SIGUSR1, count_signal);
	monitor.init.phase = PHASE_RUNNING;
	monitor.init.pidfd = lxcri_pidfd_open(getpid());
	one = attach();
	command(one, "for k/1/3 signal 10\n");
	CHECK_TEXT(said(one), "done k/1/3 0\n");
	close(one);
	other = attach();
	command(other, "for k/1/3 signal 10\nfor k/1/5 signal 65\nfor k/1/5 signal 10\n");
	CHECK_TEXT(said(other), "done k/1/3 0\ndone k/1/5 22\ndone k/1/5 22\n");
	CHECK(count_signals == 1);
	command(other, "for k/1/7 signal 10\nfor k/1/9 close-stdin\nfor k/1/11 exec one signal 10\n");
	CHECK_TEXT(said(other), "done k/1/7 0\ndone k/1/9 0\ndone k/1/11 3\n");
	CHECK(count_signals == 2);
	/* Its end is no reason to forget what was done before. */
	monitor.init.phase = PHASE_STOPPED;
	command(other, "for k/1/7 signal 10\nfor k/1/13 signal 10\n");
	CHECK_TEXT(said(other), "done k/1/7 0\ndone k/1/13 3\n");
	close(other);
	close(monitor.init.pidfd);
	signal(SIGUSR1, SIG_DFL);
	release_all();
}

static void as_many_calls_are_remembered_as_there_is_room_for(void)
{
	char text[32];
	int fd;

	reset();
	fd = attach();
	for (int i = 0; i <= CALLS_REMEMBERED; i++) {
		snprintf(text, sizeof(text), "for k/1/%d release\n", i);
		command(fd, text);
		said(fd);
	}
	CHECK(!find_call(&monitor.calls, "k/1/0"));
	for (int i = 1; i <= CALLS_REMEMBERED; i++) {
		snprintf(text, sizeof(text), "k/1/%d", i);
		CHECK(find_call(&monitor.calls, text));
	}
	CHECK(!find_call(&monitor.calls, ""));
	close(fd);
	release_all();
}

static void a_call_that_could_not_be_remembered_is_not_done(void)
{
	char text[CALL_MAX_ID + 32];
	int fd;

	reset();
	fd = attach();
	command(fd, "for k/1/1\nfor  release\n");
	snprintf(text, sizeof(text), "for %0*d release\n", CALL_MAX_ID + 1, 7);
	command(fd, text);
	CHECK(!monitor.init.released);
	for (int i = 0; i < 3; i++)
		CHECK_HOLDS(said(fd), i ? "" : "warning a call has no command");
	snprintf(text, sizeof(text), "for %0*d release\n", CALL_MAX_ID, 7);
	command(fd, text);
	CHECK(monitor.init.released);
	close(fd);
	release_all();
}

static void whose_start_it_was_is_told(void)
{
	int fd;

	reset();
	monitor.init.phase = PHASE_CREATED;
	monitor.init.pid = 42;
	fd = attach();
	said(fd);
	/* There is no init to be reached. */
	command(fd, "for k/1/3 start\ngreet\n");
	CHECK_TEXT(said(fd), "asked k/1/3\nstart-failed 32 cannot reach the init: it has ended\ngreeted\n");
	close(fd);
	fd = attach();
	CHECK_TEXT(said(fd), "created 42 0\nasked k/1/3\nstart-failed 32 cannot reach the init: it has ended\n");
	close(fd);
	release_all();
}

static void unknown_commands_are_warned_of(void)
{
	int fd;

	reset();
	fd = attach();
	command(fd, "hello\nrelease now\n\nStart\nrelease\n");
	CHECK_TEXT(
		said(fd), "warning unknown command \"hello\"\nwarning unknown command \"release now\"\n"
				  "warning unknown command \"\"\nwarning unknown command \"Start\"\n");
	CHECK(monitor.init.released);
	close(fd);
	release_all();
}

static void execs_that_are_not_there_are_answered_for(void)
{
	int fd;

	reset();
	fd = attach();
	command(fd, "exec one signal 9\nexec one release\nexec one close-stdin\n");
	CHECK_TEXT(said(fd), "signalled 3\nexec one released\n");
	command(fd, "exec one\n");
	CHECK_TEXT(said(fd), "warning exec one: a command is missing\n");
	command(fd, "exec one start 0 0\n");
	CHECK_TEXT(said(fd), "exec one failed 3 the container's first process is not running\n");
	CHECK(settle_execs(&monitor) == SETTLED && !monitor.execs);
	close(fd);
	release_all();
}

static void a_command_without_end_is_the_end(void)
{
	char text[600];
	int fd, other;

	reset();
	fd = attach();
	other = attach();
	memset(text, 'x', sizeof(text));
	text[sizeof(monitor.connections[0].line) - 1] = '\0';
	command(fd, text);
	CHECK(connection_of(1));
	command(fd, "y");
	CHECK(has_ended(fd));
	CHECK(!connection_of(1));
	CHECK(!has_ended(other));
	close(fd);
	close(other);
	release_all();
}

static void a_daemon_that_goes_makes_room(void)
{
	int fd, before = count_descriptors();

	for (int round = 0; round < 3 * MONITOR_MAX_CONNECTIONS; round++) {
		reset();
		fd = attach();
		close(fd);
		read_connection(&monitor, connection_of(0));
		CHECK(!connection_of(0));
	}
	CHECK(count_descriptors() == before);
}

/* One that does not read is let go, rather than waited for; it can come back and hear everything again. */
static void a_daemon_that_does_not_read_is_dropped(void)
{
	int deaf, other, rounds = 0;

	reset();
	deaf = attach();
	other = attach();
	while (connection_of(1) && rounds++ < 100000) {
		tell(&monitor, "warning %0100d", rounds);
		CHECK(*said(other));
	}
	CHECK(rounds > 100 && rounds < 100000);
	CHECK(connection_of(0));
	close(deaf);
	close(other);
	release_all();
}

static void a_daemon_that_dies_while_it_is_told_is_no_harm(void)
{
	int fd;

	reset();
	fd = attach();
	close(fd);
	tell(&monitor, "running");
	CHECK(!connection_of(0));
	/* In the middle of its commands, of which each is answered. */
	fd = attach();
	CHECK(send(fd, "signal 1\nsignal 2\nrelease\n", 26, 0) == 26);
	close(fd);
	read_connection(&monitor, connection_of(0));
	CHECK(!connection_of(0));
	release_all();
}

static void too_many_connections_take_the_place_of_one(void)
{
	int fds[MONITOR_MAX_CONNECTIONS + 1], ended = 0;

	reset();
	for (int i = 0; i <= MONITOR_MAX_CONNECTIONS; i++)
		fds[i] = attach();
	for (int i = 0; i <= MONITOR_MAX_CONNECTIONS; i++)
		ended += has_ended(fds[i]);
	CHECK(ended == 1);
	CHECK(!has_ended(fds[MONITOR_MAX_CONNECTIONS]));
	for (int i = 0; i <= MONITOR_MAX_CONNECTIONS; i++)
		close(fds[i]);
	release_all();
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static void the_next_daemon_finds_the_socket(void)
{
	struct stat st;
	int fd, before = count_descriptors();
	mode_t mask = umask(0);

	enter_temp_dir();
	reset();
	CHECK(open_control(&monitor) == 0);
	CHECK(stat("monitor.sock", &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(is_close_on_exec(monitor.listener));
	/* Nobody there yet: nothing happens, and nothing waits. */
	accept_connection(&monitor);
	monitor.init.phase = PHASE_CREATED;
	monitor.init.pid = 42;
	fd = connect_to("monitor.sock");
	accept_connection(&monitor);
	CHECK_TEXT(said(fd), "created 42 0\n");
	CHECK(is_close_on_exec(connection_of(0)->fd));
	command(fd, "release\n");
	CHECK(monitor.init.released);
	close(fd);
	close(monitor.listener);
	release_all();
	CHECK(count_descriptors() == before);
	/* A second monitor in the same directory is a fault. */
	CHECK(open_control(&monitor) < 0);
	CHECK_HOLDS(monitor.init.failure.text, "cannot listen on monitor.sock: ");
	close(monitor.listener);
	leave_temp_dir();
	umask(mask);
}

/* ---- Sleep ---- */

/* A monitor in a run directory, that a daemon can find. */
static void enter_run_directory(void)
{
	enter_temp_dir();
	enter_state_directory();
	reset();
	CHECK(open_control(&monitor) == 0);
}

static void leave_run_directory(void)
{
	close(monitor.listener);
	release_all();
	leave_temp_dir();
}

/* What the main loop does at each wait; returns how long it may last, in milliseconds. */
static int pass_a_round(void)
{
	struct watch_list list = {0};

	clear_watchers(&list);
	watch_wake(&monitor, &list);
	return list.patience;
}

static void a_daemon_that_goes_to_sleep_hears_everything_first(void)
{
	int fd, other;

	reset();
	fd = attach();
	other = attach();
	tell(&monitor, "running");
	command(fd, "signal 9\nsleep\nsignal 9\n");
	CHECK_TEXT(said(fd), "running\nsignalled 3\nasleep\n");
	CHECK(has_ended(fd));
	tell(&monitor, "oom 1");
	CHECK_TEXT(said(other), "running\noom 1\n");
	close(fd);
	close(other);
	release_all();
}

static void what_nobody_hears_wakes_the_keeper(void)
{
	int fd, keeper, before = count_descriptors();

	enter_run_directory();
	keeper = listen_as_keeper_at("../../../keeper.sock");
	CHECK(pass_a_round() == -1);
	fd = attach();
	tell(&monitor, "running");
	CHECK(!is_woken(keeper, 0));
	command(fd, "sleep\n");
	close(fd);
	CHECK(!is_woken(keeper, 0));
	tell(&monitor, "exited 0 1 2");
	CHECK(is_woken(keeper, 0));
	/* Once, whatever else is to be told. */
	tell(&monitor, "oom 1");
	CHECK(!is_woken(keeper, 0) && !is_waking(&monitor));
	close(keeper);
	leave_run_directory();
	CHECK(count_descriptors() == before);
}

static void a_daemon_that_dies_unseen_is_no_audience(void)
{
	int fd, keeper;

	enter_run_directory();
	keeper = listen_as_keeper_at("../../../keeper.sock");
	fd = attach();
	close(fd);
	tell(&monitor, "running");
	CHECK(is_woken(keeper, 0));
	close(keeper);
	leave_run_directory();
}

static void warnings_wake_nobody(void)
{
	int keeper;

	enter_run_directory();
	keeper = listen_as_keeper_at("../../../keeper.sock");
	warn(&monitor, "something is odd");
	CHECK(!is_woken(keeper, 0) && pass_a_round() == -1);
	close(keeper);
	leave_run_directory();
}

static void the_keeper_is_woken_until_a_daemon_comes(void)
{
	int fd, keeper, patience;

	enter_run_directory();
	/* There is none: nobody has to wait for it. */
	tell(&monitor, "running");
	CHECK(!is_waking(&monitor));
	keeper = listen_as_keeper_at("../../../keeper.sock");
	for (int delay = 100; delay <= 400; delay *= 2) {
		patience = pass_a_round();
		CHECK(patience > 0 && patience <= delay);
		sleep_ms(patience);
		pass_a_round();
		CHECK(is_woken(keeper, 0));
	}
	fd = attach();
	CHECK(pass_a_round() == -1);
	close(fd);
	close(keeper);
	leave_run_directory();
}

/* It never says less often than every five seconds. */
static void the_tries_do_not_become_rarer_for_ever(void)
{
	enter_run_directory();
	tell(&monitor, "running");
	for (int round = 0; round < 20; round++) {
		monitor.wake.tried_at.tv_sec -= 10;
		CHECK(pass_a_round() <= 5000);
	}
	CHECK(pass_a_round() > 4000);
	leave_run_directory();
}

static void who_ends_waits_for_a_keeper_that_is_busy(void)
{
	int keeper;

	enter_run_directory();
	keeper = listen_as_keeper_at("../../../keeper.sock");
	while (monitor.wake.due == false || !is_waking(&monitor)) {
		forget_wake(&monitor);
		tell(&monitor, "running");
	}
	while (is_woken(keeper, 0))
		continue;
	sleep_ms(pass_a_round());
	pass_a_round();
	CHECK(!is_waking(&monitor) && is_woken(keeper, 0));
	close(keeper);
	leave_run_directory();
}

static const struct check_test tests[] = {
	{TEST(a_connection_begins_with_what_is_known)},
	{TEST(a_failed_creation_is_told_as_that_alone)},
	{TEST(everybody_is_told)},
	{TEST(lines_that_are_too_long_are_cut_and_ended)},
	{TEST(commands_may_come_in_pieces)},
	{TEST(commands_may_come_together)},
	{TEST(answers_are_for_the_one_who_asked)},
	{TEST(a_call_that_comes_again_is_answered_and_not_done_again)},
	{TEST(as_many_calls_are_remembered_as_there_is_room_for)},
	{TEST(a_call_that_could_not_be_remembered_is_not_done)},
	{TEST(whose_start_it_was_is_told)},
	{TEST(unknown_commands_are_warned_of)},
	{TEST(execs_that_are_not_there_are_answered_for)},
	{TEST(a_command_without_end_is_the_end)},
	{TEST(a_daemon_that_goes_makes_room)},
	{TEST(a_daemon_that_does_not_read_is_dropped)},
	{TEST(a_daemon_that_dies_while_it_is_told_is_no_harm)},
	{TEST(too_many_connections_take_the_place_of_one)},
	{TEST(the_next_daemon_finds_the_socket)},
	{TEST(a_daemon_that_goes_to_sleep_hears_everything_first)},
	{TEST(what_nobody_hears_wakes_the_keeper)},
	{TEST(a_daemon_that_dies_unseen_is_no_audience)},
	{TEST(warnings_wake_nobody)},
	{TEST(the_keeper_is_woken_until_a_daemon_comes)},
	{TEST(the_tries_do_not_become_rarer_for_ever)},
	{TEST(who_ends_waits_for_a_keeper_that_is_busy)},
};

CHECK_MAIN(tests)
