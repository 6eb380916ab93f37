/*
 * The whole monitor. The test is the daemon; driver and init are this program again, as roles: what a role does is said
 * by the environment variable LXCRI_TEST_ROLE.
 */
#include "../common/driver.h"
#include "../common/gate.h"
#include "keeper.h"
#include "monitor.h"
#include "plans.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"
#include "testing/temp-dir.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define ROLE "LXCRI_TEST_ROLE"
/* A test in which the monitor says nothing for so long has failed. */
#define PATIENCE_MS 10000

/* ---- The init ---- */

/* Receives descriptors until the set-up; fds[1] is standard output. */
static void be_set_up(int output[1])
{
	for (;;) {
		int fds[GATE_BATCH];
		size_t count = GATE_BATCH;
		int type = gate_receive(GATE_FD, NULL, NULL, fds, &count, NULL);

		if (type == GATE_SETUP)
			return;
		if (type != GATE_FDS)
			_exit(99);
		if (*output < 0 && count == 4)
			*output = fds[2];
	}
}

static void fail_set_up(void)
{
	struct gate_failure failure = {.error = ENOENT, .text = "mounts[1]: no such thing"};

	gate_send(GATE_FD, GATE_FAILED, &failure, sizeof(failure), NULL, 0);
	_exit(127);
}

static int wait_for_go(void)
{
	struct gate_size asked;
	size_t size = sizeof(asked), count = 1;
	int report = -1;

	if (gate_receive(GATE_FD, &asked, &size, &report, &count, NULL) != GATE_GO || count != 1)
		_exit(98);
	return report;
}

static void fail_start(int report)
{
	struct gate_failure failure = {.error = ENOEXEC, .text = "exec /x: exec format error"};

	CHECK(write(report, &failure, sizeof(failure)) == (ssize_t)sizeof(failure));
	_exit(126);
}

/* A process that outlives its parent, and the whole test if nobody ends it. */
static void leave_an_orphan(void)
{
	if (fork() == 0) {
		alarm(PATIENCE_MS / 1000);
		for (;;)
			pause();
	}
}

static void be_init(const char *role)
{
	int output = -1, report;

	if (strcmp(role, "init-dies") == 0)
		_exit(5);
	gate_send(GATE_FD, GATE_HELLO, NULL, 0, NULL, 0);
	be_set_up(&output);
	if (strcmp(role, "init-fails") == 0)
		fail_set_up();
	if (strcmp(role, "init-dies-in-set-up") == 0)
		_exit(6);
	gate_send(GATE_FD, GATE_READY, NULL, 0, NULL, 0);
	report = wait_for_go();
	if (strcmp(role, "start-fails") == 0)
		fail_start(report);
	/* As executed: the gate and the report are close-on-exec. */
	close(GATE_FD);
	close(report);
	if (strcmp(role, "orphan") == 0)
		leave_an_orphan();
	if (strcmp(role, "short") == 0)
		_exit(7);
	if (strcmp(role, "output") == 0) {
		CHECK(write(output, "output", 6) == 6);
		_exit(0);
	}
	for (;;)
		pause();
}

/* ---- The driver ---- */

static void receive_orders(void)
{
	char orders[DRIVER_MAX_ORDERS];
	size_t size = sizeof(orders), count = 1;
	int log = -1;

	if (gate_receive(DRIVER_FD, orders, &size, &log, &count, NULL) != DRIVER_ORDERS)
		_exit(0);
	CHECK(count == 1 && size == 8 && memcmp(orders, "one\0two", 8) == 0);
}

/* As liblxc counts: exit << 8, or signal << 8 | 0x7f. */
static int32_t liblxc_status(int status)
{
	return WIFSIGNALED(status) ? WTERMSIG(status) << 8 | 0x7f : WEXITSTATUS(status) << 8;
}

static void report_end(struct driver_report report)
{
	CHECK(write(DRIVER_FD, &report, sizeof(report)) == (ssize_t)sizeof(report));
	_exit(0);
}

static void be_driver(const char *role)
{
	int status;
	pid_t init;

	receive_orders();
	if (strcmp(role, "driver-dies") == 0)
		raise(SIGKILL);
	if (strcmp(role, "not-started") == 0)
		report_end((struct driver_report){0, 0});
	init = fork();
	if (init == 0) {
		if (strcmp(role, "survivor") != 0)
			prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		be_init(role);
	}
	CHECK(waitpid(init, &status, 0) == init);
	/* The init's end is known to the driver alone when that is killed. */
	if (strcmp(role, "orphan") == 0)
		raise(SIGKILL);
	report_end((struct driver_report){1, liblxc_status(status)});
}

/* ---- The daemon ---- */

struct world {
	pid_t monitor;
	int control;
};

static struct world start_monitor(const char *role, const char *program)
{
	static struct monitor monitor;
	struct world world;
	int pair[2];

	CHECK(setenv(ROLE, role, 1) == 0);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	fflush(stdout);
	world = (struct world){fork(), pair[0]};
	if (world.monitor == 0) {
		int own = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);

		/* The daemon's end has to end with the daemon. */
		close(pair[0]);
		close(pair[1]);
		CHECK(dup2(own, 3) == 3);
		close(own);
		CHECK(chdir("/") == 0);
		monitor_initialize(&monitor);
		_exit(run_monitor(&monitor, program, "/proc/self/exe"));
	}
	close(pair[1]);
	return world;
}

static void send_text(int fd, const char *text)
{
	CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* The next line, or "(end)". */
static const char *next_line(int fd)
{
	static char line[2048];

	for (size_t length = 0; length < sizeof(line) - 1; length++) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		ssize_t size;

		CHECK(poll(&wait, 1, PATIENCE_MS) == 1);
		size = recv(fd, line + length, 1, 0);
		CHECK(size >= 0 || errno == ECONNRESET);
		if (size <= 0)
			return length ? "(cut)" : "(end)";
		if (line[length] == '\n') {
			line[length] = '\0';
			return line;
		}
	}
	CHECK(!"a line is short");
	return NULL;
}

/* Checks the beginning of the next line; returns the rest. */
static const char *expect(int fd, const char *beginning)
{
	const char *line = next_line(fd);

	if (strncmp(line, beginning, strlen(beginning)) != 0)
		check_text(__FILE__, __LINE__, line, beginning);
	return line + strlen(beginning);
}

/* A container's directory with a plan, and a monitor for it. */
static struct world run_role(const char *role, const char *plan)
{
	struct world world;
	char line[128];

	enter_temp_dir();
	write_plan("%s", plan);
	write_text("init.plan", "arg");
	world = start_monitor(role, "/proc/self/exe");
	snprintf(line, sizeof(line), "run %s\n", temp_dir);
	send_text(world.control, line);
	return world;
}

static struct world run_container(const char *role)
{
	return run_role(role, "order|one|order|two|");
}

/* The same in a run directory with a keeper's socket, which is returned in `keeper`. */
static struct world run_kept_container(const char *role, int *keeper)
{
	struct world world;
	char line[128];

	enter_temp_dir();
	*keeper = listen_as_keeper();
	enter_state_directory();
	write_plan("order|one|order|two|");
	write_text("init.plan", "arg");
	world = start_monitor(role, "/proc/self/exe");
	snprintf(line, sizeof(line), "run %s/containers/default/hello\n", temp_dir);
	send_text(world.control, line);
	return world;
}

/* The monitor goes, and takes what it had in the directory with it. */
static void end(struct world *world)
{
	CHECK_TEXT(next_line(world->control), "(end)");
	close(world->control);
	CHECK(status_of(world->monitor) == 0);
	CHECK(access("monitor.sock", F_OK) < 0);
	CHECK(access("monitor.plan", F_OK) < 0 && access("init.plan", F_OK) < 0);
	leave_temp_dir();
}

static int connect_again(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "monitor.sock"};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static pid_t expect_created(int fd)
{
	pid_t pid = (pid_t)strtol(expect(fd, "created "), NULL, 10);

	CHECK(pid > 1 && kill(pid, 0) == 0);
	return pid;
}

/* A child of the monitor's: its driver. */
static pid_t driver_of(const struct world *world, pid_t init)
{
	char path[64];
	const char *text;
	int parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)init);
	text = strrchr(read_text(path), ')');
	CHECK(text && sscanf(text + 1, " %*c %d", &parent) == 1);
	CHECK(parent > 1 && parent != world->monitor);
	return parent;
}

static void a_whole_life(void)
{
	struct world world = run_container("short");

	expect_created(world.control);
	CHECK_HOLDS(read_text("status"), "phase created\nstarted 0\npid ");
	send_text(world.control, "start\n");
	CHECK_TEXT(next_line(world.control), "running");
	CHECK_HOLDS(expect(world.control, "exited 7 "), " ");
	CHECK_HOLDS(read_text("status"), "phase stopped\nstarted 1\npid ");
	CHECK_HOLDS(read_text("status"), "exit 7 ");
	end(&world);
}

static void signals_reach_the_init(void)
{
	struct world world = run_container("long");

	expect_created(world.control);
	send_text(world.control, "start\nstart\n");
	CHECK_TEXT(next_line(world.control), "running");
	send_text(world.control, "signal 0\nsignal 15\n");
	CHECK_TEXT(next_line(world.control), "signalled 0");
	CHECK_TEXT(next_line(world.control), "signalled 0");
	expect(world.control, "exited 143 ");
	end(&world);
}

static void one_that_was_never_started_ends_too(void)
{
	struct world world = run_container("long");

	expect_created(world.control);
	send_text(world.control, "signal 9\nrelease\n");
	CHECK_TEXT(next_line(world.control), "signalled 0");
	expect(world.control, "exited 137 ");
	CHECK_HOLDS(read_text("status"), "phase stopped\nstarted 0\n");
	end(&world);
}

static void a_daemon_may_go_and_another_come(void)
{
	struct world world = run_container("long");
	pid_t init = expect_created(world.control);

	send_text(world.control, "start\n");
	CHECK_TEXT(next_line(world.control), "running");
	close(world.control);
	CHECK(kill(init, 0) == 0);
	world.control = connect_again();
	CHECK(expect_created(world.control) == init);
	CHECK_TEXT(next_line(world.control), "running");
	send_text(world.control, "signal 9\n");
	CHECK_TEXT(next_line(world.control), "signalled 0");
	expect(world.control, "exited 137 ");
	end(&world);
}

static void an_end_that_nobody_hears_is_on_record(void)
{
	struct world world = run_container("long");
	pid_t init = expect_created(world.control);

	close(world.control);
	CHECK(kill(init, SIGKILL) == 0);
	CHECK(status_of(world.monitor) == 0);
	CHECK_HOLDS(read_text("status"), "phase stopped\nstarted 0\n");
	CHECK_HOLDS(read_text("status"), "exit 137 ");
	leave_temp_dir();
}

static void send_to_sleep(struct world *world)
{
	send_text(world->control, "sleep\n");
	CHECK_TEXT(next_line(world->control), "asleep");
	CHECK_TEXT(next_line(world->control), "(end)");
	close(world->control);
}

static void a_monitor_asleep_wakes_the_keeper_when_its_container_ends(void)
{
	int keeper;
	struct world world = run_kept_container("long", &keeper);
	pid_t init = expect_created(world.control);

	send_text(world.control, "start\n");
	CHECK_TEXT(next_line(world.control), "running");
	send_to_sleep(&world);
	CHECK(!is_woken(keeper, 50));
	CHECK(kill(init, SIGKILL) == 0);
	CHECK(is_woken(keeper, PATIENCE_MS));
	/* Nothing else keeps it here: it says so once and goes, and its files tell the rest. */
	CHECK(status_of(world.monitor) == 0);
	CHECK_HOLDS(read_text("status"), "phase stopped\nstarted 1\n");
	CHECK_HOLDS(read_text("status"), "exit 137 ");
	CHECK(access("monitor.plan", F_OK) < 0);
	close(keeper);
	leave_temp_dir();
}

/* Its output is kept, so that it is there when the daemon comes at last. */
static void a_daemon_that_was_woken_is_told_what_happened(void)
{
	char plan[256];
	int keeper;
	struct world world;

	enter_temp_dir();
	keeper = listen_as_keeper();
	enter_state_directory();
	CHECK(mkfifo("out", 0600) == 0);
	write_plan("stdio|1|%s/containers/default/hello/out|order|one|order|two|", temp_dir);
	write_text("init.plan", "arg");
	world = start_monitor("output", "/proc/self/exe");
	snprintf(plan, sizeof(plan), "run %s/containers/default/hello\n", temp_dir);
	send_text(world.control, plan);
	expect_created(world.control);
	/* The daemon is killed: it has not sent the monitor to sleep. */
	send_text(world.control, "start\n");
	close(world.control);
	CHECK(is_woken(keeper, PATIENCE_MS));
	/* A wake that is lost with the keeper is repeated. */
	CHECK(is_woken(keeper, PATIENCE_MS));
	while (!strstr(read_text("status"), "exit 0 "))
		sleep_ms(5);
	world.control = connect_again();
	expect(world.control, "created ");
	CHECK_TEXT(next_line(world.control), "running");
	expect(world.control, "exited 0 ");
	while (is_woken(keeper, 0))
		continue;
	/* There is no need any more. */
	CHECK(!is_woken(keeper, 500));
	send_text(world.control, "release\n");
	CHECK_TEXT(next_line(world.control), "(end)");
	close(world.control);
	CHECK(status_of(world.monitor) == 0);
	close(keeper);
	leave_temp_dir();
}

/* The next daemon may have begun anew by then, in a directory of the same name. */
static void for_a_daemon_that_is_dead_nothing_is_touched(void)
{
	struct world world;
	char line[128];

	enter_temp_dir();
	write_plan("order|one|order|two|");
	world = start_monitor("long", "/proc/self/exe");
	CHECK(kill(world.monitor, SIGSTOP) == 0);
	snprintf(line, sizeof(line), "run %s\n", temp_dir);
	send_text(world.control, line);
	close(world.control);
	CHECK(kill(world.monitor, SIGCONT) == 0);
	CHECK(status_of(world.monitor) == 0);
	CHECK(access("monitor.plan", F_OK) == 0);
	CHECK(access("monitor.log", F_OK) < 0 && access("status", F_OK) < 0 && access("failure", F_OK) < 0);
	leave_temp_dir();
}

/* Everything in one piece, and in pieces. */
static void the_first_line_may_come_in_any_pieces(void)
{
	struct world world;
	char line[128];

	for (int round = 0; round < 2; round++) {
		enter_temp_dir();
		write_plan("order|one|order|two|");
		write_text("init.plan", "arg");
		world = start_monitor("long", "/proc/self/exe");
		snprintf(line, sizeof(line), "run %s\nclose-stdin\nsignal 0\n", temp_dir);
		for (const char *next = line; round && *next; next++)
			send_text(world.control, (char[]){*next, '\0'});
		if (!round)
			send_text(world.control, line);
		/* The signal has come before there was anybody to get it, or just after. */
		while (strncmp(next_line(world.control), "created ", 8) != 0)
			continue;
		send_text(world.control, "abort\n");
		while (strncmp(next_line(world.control), "exited 137 ", 11) != 0)
			continue;
		end(&world);
	}
}

static void without_a_container_it_goes_with_its_daemon(void)
{
	struct world world = start_monitor("long", "/proc/self/exe");
	static char line[8192];

	close(world.control);
	CHECK(status_of(world.monitor) == 0);
	world = start_monitor("long", "/proc/self/exe");
	send_text(world.control, "nonsense\n");
	CHECK_TEXT(next_line(world.control), "(end)");
	CHECK(status_of(world.monitor) == 0);
	close(world.control);
	world = start_monitor("long", "/proc/self/exe");
	memset(line, 'x', sizeof(line) - 1);
	memcpy(line, "run ", 4);
	send_text(world.control, line);
	CHECK(status_of(world.monitor) == 0);
	close(world.control);
}

static void a_failure_is_told_once_and_leaves_nothing(void)
{
	static const struct {
		const char *role, *plan, *text;
	} cases[] = {
		{"long", "nonsense|", "failed 71 cannot read monitor.plan: Protocol error"},
		{"long", "stdio|1|/absent|", "failed 2 cannot open stdout (/absent): No such file or directory"},
		{"long", "mount||x|/absent|tmpfs|0||",
		 "failed 2 rootfs[0]: cannot mount x (tmpfs) on /absent: No such file or directory"},
		{"long", "order|one|order|two|field|limits|cgroup-set|/absent|1|",
		 "failed 2 limits: cannot write \"1\" to /absent: No such file or directory"},
		{"long", "order|one|order|two|field|mounts[0]|tree|/absent|0|",
		 "failed 2 mounts[0]: cannot open the mount source /absent: No such file or directory"},
		{"init-fails", "order|one|order|two|", "failed 2 mounts[1]: no such thing"},
		{"init-dies", "order|one|order|two|", "failed 0 liblxc could not start the container"},
		{"init-dies-in-set-up", "order|one|order|two|", "failed 10 the container ended before it was set up"},
		{"not-started", "order|one|order|two|", "failed 0 liblxc could not start the container"},
		{"driver-dies", "order|one|order|two|",
		 "failed 10 the driver ended before it made the container: does /proc/self/exe start?"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world world = run_role(cases[i].role, cases[i].plan);

		CHECK_TEXT(next_line(world.control), cases[i].text);
		/* For a daemon that was not there to hear it. */
		CHECK_HOLDS(read_text("failure"), strchr(cases[i].text, ' ') + 1);
		CHECK(access("status", F_OK) < 0 || strstr(read_text("status"), "phase creating\n"));
		end(&world);
	}
}

static void a_directory_that_is_missing_is_told(void)
{
	struct world world = start_monitor("long", "/proc/self/exe");

	send_text(world.control, "run /absent/directory\n");
	CHECK_TEXT(next_line(world.control), "failed 2 cannot enter /absent/directory: No such file or directory");
	CHECK_TEXT(next_line(world.control), "(end)");
	CHECK(status_of(world.monitor) == 0);
	close(world.control);
}

static void programs_that_are_missing_are_told(void)
{
	struct world world;
	char line[128];

	enter_temp_dir();
	write_plan("order|one|order|two|");
	write_text("init.plan", "arg");
	world = start_monitor("long", "/absent/driver");
	snprintf(line, sizeof(line), "run %s\n", temp_dir);
	send_text(world.control, line);
	CHECK_TEXT(
		next_line(world.control),
		"failed 10 the driver ended before it made the container: does /absent/driver start?");
	end(&world);
}

static void a_start_that_fails_is_told_and_then_the_end(void)
{
	struct world world = run_container("start-fails");

	expect_created(world.control);
	send_text(world.control, "start\n");
	CHECK_TEXT(next_line(world.control), "start-failed 8 exec /x: exec format error");
	expect(world.control, "exited 126 ");
	CHECK_HOLDS(read_text("status"), "phase stopped\nstarted 0\n");
	end(&world);
}

static void a_driver_that_is_killed_takes_its_container_along(void)
{
	struct world world = run_container("long");
	pid_t init = expect_created(world.control);

	send_text(world.control, "start\n");
	CHECK_TEXT(next_line(world.control), "running");
	CHECK(kill(driver_of(&world, init), SIGKILL) == 0);
	expect(world.control, "exited 137 ");
	end(&world);
	CHECK(kill(init, 0) < 0 && errno == ESRCH);
}

/* Its parent-death signal is gone, as with every init that has changed its user. */
static void an_init_that_survives_its_driver_does_not_survive_that(void)
{
	struct world world = run_container("survivor");
	pid_t init = expect_created(world.control);

	CHECK(kill(driver_of(&world, init), SIGKILL) == 0);
	expect(world.control, "exited 137 ");
	end(&world);
	CHECK(kill(init, 0) < 0 && errno == ESRCH);
}

/*
 * The driver has waited for the init, and is killed before it can report: the init's true end is lost, but not that it
 * has ended, though a process of the container is still there, which is the monitor's child now.
 */
static void an_init_whose_end_nobody_tells_has_ended(void)
{
	struct world world = run_container("orphan");
	pid_t init = expect_created(world.control);

	send_text(world.control, "start\n");
	CHECK_TEXT(next_line(world.control), "running");
	CHECK(kill(init, SIGTERM) == 0);
	expect(world.control, "exited 137 ");
	end(&world);
}

static void an_abort_ends_it_in_any_state(void)
{
	struct world world = run_container("long");

	/* Perhaps while it is created, perhaps after that. */
	send_text(world.control, "abort\n");
	for (;;) {
		const char *line = next_line(world.control);

		if (strncmp(line, "exited 137 ", 11) == 0 || strcmp(line, "failed 125 it was deleted meanwhile") == 0)
			break;
		CHECK(strncmp(line, "created ", 8) == 0);
	}
	end(&world);
}

static void output_is_kept_until_it_is_read_or_released(void)
{
	struct world world;
	char path[128], plan[256], text[16] = "";
	int fd;

	for (int released = 0; released < 2; released++) {
		enter_temp_dir();
		snprintf(path, sizeof(path), "%s/out", temp_dir);
		snprintf(plan, sizeof(plan), "stdio|1|%s|order|one|order|two|", path);
		CHECK(mkfifo(path, 0600) == 0);
		write_plan("%s", plan);
		write_text("init.plan", "arg");
		world = start_monitor("output", "/proc/self/exe");
		snprintf(plan, sizeof(plan), "run %s\n", temp_dir);
		send_text(world.control, plan);
		expect_created(world.control);
		send_text(world.control, "start\n");
		CHECK_TEXT(next_line(world.control), "running");
		expect(world.control, "exited 0 ");
		/* It waits, and answers meanwhile. */
		send_text(world.control, "signal 9\n");
		CHECK_TEXT(next_line(world.control), "signalled 3");
		if (released) {
			send_text(world.control, "release\n");
		} else {
			fd = open(path, O_RDONLY | O_CLOEXEC);
			CHECK(fd >= 0 && read(fd, text, sizeof(text)) == 6 && memcmp(text, "output", 6) == 0);
			CHECK(read(fd, text, sizeof(text)) == 0);
			close(fd);
		}
		end(&world);
	}
}

static const struct check_test tests[] = {
	{TEST(a_whole_life)},
	{TEST(signals_reach_the_init)},
	{TEST(one_that_was_never_started_ends_too)},
	{TEST(a_daemon_may_go_and_another_come)},
	{TEST(an_end_that_nobody_hears_is_on_record)},
	{TEST(a_monitor_asleep_wakes_the_keeper_when_its_container_ends)},
	{TEST(a_daemon_that_was_woken_is_told_what_happened)},
	{TEST(for_a_daemon_that_is_dead_nothing_is_touched)},
	{TEST(the_first_line_may_come_in_any_pieces)},
	{TEST(without_a_container_it_goes_with_its_daemon)},
	{TEST(a_failure_is_told_once_and_leaves_nothing)},
	{TEST(a_directory_that_is_missing_is_told)},
	{TEST(programs_that_are_missing_are_told)},
	{TEST(a_start_that_fails_is_told_and_then_the_end)},
	{TEST(a_driver_that_is_killed_takes_its_container_along)},
	{TEST(an_init_that_survives_its_driver_does_not_survive_that)},
	{TEST(an_init_whose_end_nobody_tells_has_ended)},
	{TEST(an_abort_ends_it_in_any_state)},
	{TEST(output_is_kept_until_it_is_read_or_released)},
};

int main(void)
{
	/* The monitor starts its driver with this program; its init is a process of the driver's. */
	const char *role = getenv(ROLE);

	if (role) {
		alarm(2 * PATIENCE_MS / 1000);
		be_driver(role);
	}
	return check_run_in_children(tests, sizeof(tests) / sizeof(tests[0]));
}
