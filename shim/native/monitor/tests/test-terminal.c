#include "process.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static struct process process;
/* The client's ends, and the terminal's slave. */
static int stdin_fd, stdout_fd, slave;

static void make_raw(int fd)
{
	struct termios settings;

	CHECK(tcgetattr(fd, &settings) == 0);
	cfmakeraw(&settings);
	CHECK(tcsetattr(fd, TCSANOW, &settings) == 0);
}

static void start(void)
{
	int in[2], out[2], master;

	process = (struct process){0};
	initialize_process(&process, "", "");
	process.terminal.wanted = true;
	CHECK(pipe2(in, O_NONBLOCK | O_CLOEXEC) == 0 && pipe2(out, O_NONBLOCK | O_CLOEXEC) == 0);
	process.streams[0].payload_fd = in[0];
	process.streams[1].payload_fd = out[1];
	stdin_fd = in[1];
	stdout_fd = out[0];
	CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0);
	make_raw(slave);
	CHECK(adopt_terminal(&process, master) == 0);
}

static void end(void)
{
	close_terminal(&process);
	close_payload_streams(&process);
	close_fd(&stdin_fd);
	close_fd(&stdout_fd);
	close_fd(&slave);
}

/* One round of the main loop. */
static void serve(void)
{
	static struct watch_list list;

	clear_watchers(&list);
	watch_terminal(&process, &list);
	wait_at_most(&list, 0);
	run_watchers(&list, NULL);
}

static void write_all(int fd, const char *text)
{
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static const char *read_some(int fd)
{
	static char text[65536];
	ssize_t size = read(fd, text, sizeof(text) - 1);

	text[size > 0 ? size : 0] = '\0';
	return text;
}

static void both_directions_are_copied(void)
{
	int before = count_descriptors();

	start();
	write_all(slave, "output");
	write_all(stdin_fd, "input");
	for (int i = 0; i < 4; i++)
		serve();
	CHECK_TEXT(read_some(stdout_fd), "output");
	CHECK_TEXT(read_some(slave), "input");
	end();
	CHECK(count_descriptors() == before);
}

/* A client that does not read stops the output, and nothing else; what it had waited for comes then, whole. */
static void a_client_that_does_not_read_is_waited_for(void)
{
	size_t written = 0, seen = 0;
	char block[1000];

	start();
	memset(block, 'x', sizeof(block));
	CHECK(fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	for (int idle = 0; idle < 20; serve()) {
		ssize_t size = write(slave, block, sizeof(block));

		idle = size > 0 ? 0 : idle + 1;
		written += size > 0 ? (size_t)size : 0;
	}
	CHECK(written > 65536);
	process.phase = PHASE_STOPPED;
	write_all(stdin_fd, "still heard");
	for (int i = 0; i < 4; i++)
		serve();
	CHECK_TEXT(read_some(slave), "still heard");
	close_fd(&slave);
	for (int i = 0; i < 1000 && terminal_has_output(&process); i++) {
		seen += strlen(read_some(stdout_fd));
		serve();
	}
	CHECK(!terminal_has_output(&process));
	seen += strlen(read_some(stdout_fd));
	seen += strlen(read_some(stdout_fd));
	CHECK(seen == written);
	end();
}

/* The end of the client's input is not the terminal's. */
static void the_end_of_input_is_no_end(void)
{
	start();
	close_fd(&stdin_fd);
	for (int i = 0; i < 4; i++)
		serve();
	CHECK(process.streams[0].payload_fd < 0);
	write_all(slave, "goes on");
	serve();
	CHECK_TEXT(read_some(stdout_fd), "goes on");
	CHECK(terminal_has_output(&process));
	end();
}

static void a_terminal_that_nobody_has_open_may_be_opened_again(void)
{
	char name[64];

	start();
	CHECK(ttyname_r(slave, name, sizeof(name)) == 0);
	process.phase = PHASE_RUNNING;
	close_fd(&slave);
	for (int i = 0; i < 4; i++)
		serve();
	CHECK(process.terminal.master >= 0);
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK(slave >= 0);
	write_all(slave, "again");
	for (int i = 0; i < 4; i++)
		serve();
	CHECK_HOLDS(read_some(stdout_fd), "again");
	end();
}

static void after_its_process_the_last_slave_ends_it(void)
{
	start();
	process.phase = PHASE_STOPPED;
	write_all(slave, "last words");
	close_fd(&slave);
	for (int i = 0; i < 4; i++)
		serve();
	CHECK(process.terminal.master < 0);
	CHECK(!terminal_has_output(&process));
	CHECK_TEXT(read_some(stdout_fd), "last words");
	/* Input that comes later is nobody's. */
	write_all(stdin_fd, "late");
	serve();
	end();
}

static void a_client_that_went_away_is_no_fault(void)
{
	start();
	close_fd(&stdout_fd);
	signal(SIGPIPE, SIG_IGN);
	write_all(slave, "to nobody");
	for (int i = 0; i < 4; i++)
		serve();
	write_all(slave, "more");
	serve();
	end();
}

static void its_size_is_the_clients(void)
{
	struct winsize size;

	start();
	CHECK(resize_terminal(&process, 33, 44) == 0);
	CHECK(ioctl(slave, TIOCGWINSZ, &size) == 0 && size.ws_row == 33 && size.ws_col == 44);
	end();
	process = (struct process){0};
	initialize_process(&process, "", "");
	CHECK(resize_terminal(&process, 55, 66) == 0);
	CHECK(process.terminal.size.ws_row == 55 && process.terminal.size.ws_col == 66);
}

/* What an init passes is looked at: a container may have got hold of the gate. */
static void what_is_no_terminal_is_refused(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), master, other;

	process = (struct process){0};
	initialize_process(&process, "", "");
	CHECK(openpty(&master, &other, NULL, NULL, NULL) == 0);
	CHECK(adopt_terminal(&process, master) < 0); /* none is wanted */
	process.terminal.wanted = true;
	CHECK(adopt_terminal(&process, null) < 0);
	CHECK(adopt_terminal(&process, other) < 0);
	CHECK(adopt_terminal(&process, master) == 0);
	CHECK(adopt_terminal(&process, master) < 0); /* there is one */
	close_terminal(&process);
	close(other);
	close(null);
}

static const struct check_test tests[] = {
	{TEST(both_directions_are_copied)},
	{TEST(a_client_that_does_not_read_is_waited_for)},
	{TEST(the_end_of_input_is_no_end)},
	{TEST(a_terminal_that_nobody_has_open_may_be_opened_again)},
	{TEST(after_its_process_the_last_slave_ends_it)},
	{TEST(a_client_that_went_away_is_no_fault)},
	{TEST(its_size_is_the_clients)},
	{TEST(what_is_no_terminal_is_refused)},
};

CHECK_MAIN(tests)
