/* The whole init, with the monitor's side played by the test. */
#include "setup.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* A plan whose words are written with a bar behind each. */
#define MAX_PLAN 4096

struct init {
	pid_t pid;
	int gate;
	int output; /* what it writes to stdout and stderr */
};

static struct init start_init(void)
{
	struct init init;
	int gate[2];

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, gate) == 0);
	fflush(stdout);
	init = (struct init){.pid = fork(), .gate = gate[0], .output = -1};
	CHECK(init.pid >= 0);
	if (init.pid == 0) {
		int own = fcntl(gate[1], F_DUPFD_CLOEXEC, 10);

		CHECK(dup2(own, GATE_FD) == GATE_FD);
		_exit(run_init());
	}
	close(gate[1]);
	CHECK(gate_receive(init.gate, NULL, NULL, NULL, NULL, NULL) == GATE_HELLO);
	return init;
}

static void send_descriptors(struct init *init, const char *bars)
{
	char plan[MAX_PLAN];
	size_t size = strlen(bars);
	int output[2], fds[SETUP_TREES];

	CHECK(size < sizeof(plan));
	for (size_t i = 0; i < size; i++)
		plan[i] = bars[i] == '|' ? '\0' : bars[i];
	CHECK(pipe2(output, O_CLOEXEC) == 0);
	fds[SETUP_PLAN] = file_with(plan, size);
	fds[SETUP_STDIN] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds[SETUP_STDOUT] = fds[SETUP_STDERR] = output[1];
	CHECK(gate_send(init->gate, GATE_FDS, NULL, 0, fds, SETUP_TREES) == 0);
	close(fds[SETUP_PLAN]);
	close(fds[SETUP_STDIN]);
	close(output[1]);
	init->output = output[0];
}

static void set_up(struct init *init)
{
	CHECK(gate_send(init->gate, GATE_SETUP, NULL, 0, NULL, 0) == 0);
}

static struct gate_failure receive_failure(struct init *init)
{
	struct gate_failure failure;
	size_t size = sizeof(failure);

	CHECK(gate_receive(init->gate, &failure, &size, NULL, NULL, NULL) == GATE_FAILED);
	CHECK(size == sizeof(failure));
	return failure;
}

/* Start. Returns the pipe that tells of a failed execve. */
static int go(struct init *init)
{
	int report[2];

	CHECK(gate_receive(init->gate, NULL, NULL, NULL, NULL, NULL) == GATE_READY);
	CHECK(pipe2(report, O_CLOEXEC) == 0);
	CHECK(gate_send(init->gate, GATE_GO, NULL, 0, &report[1], 1) == 0);
	close(report[1]);
	return report[0];
}

static const char *output_of(struct init *init)
{
	static char text[4096];
	size_t size = 0;
	ssize_t got;

	while ((got = read(init->output, text + size, sizeof(text) - 1 - size)) > 0)
		size += (size_t)got;
	CHECK(got == 0);
	close(init->output);
	text[size] = '\0';
	return text;
}

static void ends_with(struct init *init, int status)
{
	close(init->gate);
	CHECK(status_of(init->pid) == status);
}

/* Runs a plan to its end; returns what the payload wrote. */
static const char *run_plan(const char *bars, int status)
{
	struct init init = start_init();
	const char *output;
	char byte;
	int report;

	send_descriptors(&init, bars);
	set_up(&init);
	report = go(&init);
	/* The pipe closes when the payload is executed. */
	CHECK(read(report, &byte, 1) == 0);
	close(report);
	output = output_of(&init);
	ends_with(&init, status);
	return output;
}

#define ALL_CAPABILITIES "capabilities|0|0|0|0|0|"
#define ROOT "user|0|0|18|0|" ALL_CAPABILITIES

static void the_payload_takes_the_inits_place(void)
{
	const char *output = run_plan(
		ROOT
		"cwd|/proc|env|A=b c|env|PATH=/usr/bin:/bin|arg|sh|arg|-c|arg|pwd; echo \"$A\" $HOME \"$0\" $1 >&2; exit 7|"
		"arg|zero|arg|one|",
		7);

	CHECK_TEXT(output, "/proc\nb c /root zero one\n");
}

static void the_payload_has_its_streams_and_nothing_else(void)
{
	const char *output = run_plan(ROOT "arg|/bin/sh|arg|-c|arg|echo /proc/$$/fd/*|", 0);
	char expected[128];

	/* 3 is what the shell has opened to look. */
	for (int fd = 0; fd <= 2; fd++) {
		snprintf(expected, sizeof(expected), "/fd/%d", fd);
		CHECK_HOLDS(output, expected);
	}
	CHECK(!strstr(output, "/fd/4"));
	CHECK(!strstr(output, "/fd/5"));
}

static void a_signal_ends_it_as_any_process(void)
{
	run_plan(ROOT "arg|/bin/sh|arg|-c|arg|kill -TERM $$|", 128 + SIGTERM);
}

static void a_set_up_that_fails_is_told(void)
{
	struct init init = start_init();
	struct gate_failure failure;

	send_descriptors(&init, "field|linux.sysctl|write|sys/nothing|1|arg|true|");
	set_up(&init);
	failure = receive_failure(&init);
	CHECK(failure.error == ENOENT);
	CHECK_HOLDS(failure.text, "linux.sysctl: cannot open /proc/sys/nothing: ");
	ends_with(&init, 127);
	close(init.output);
}

static void a_payload_that_is_missing_is_told_before_start(void)
{
	struct init init = start_init();
	struct gate_failure failure;

	send_descriptors(&init, ROOT "env|PATH=/nowhere|arg|no-such-program|");
	set_up(&init);
	failure = receive_failure(&init);
	CHECK(failure.error == ENOENT);
	CHECK_TEXT(failure.text, "exec: \"no-such-program\": executable file not found in $PATH");
	ends_with(&init, 127);
	close(init.output);
}

/* What only execve can know. */
static void a_payload_that_cannot_be_executed_is_told_at_start(void)
{
	struct init init = start_init();
	struct gate_failure failure = {0};
	char plan[256], name[] = "/tmp/lxcri-init-XXXXXX";
	int report, fd = mkostemp(name, O_CLOEXEC);

	CHECK(fd >= 0 && fchmod(fd, 0755) == 0 && write(fd, "no program", 10) == 10);
	close(fd);
	snprintf(plan, sizeof(plan), ROOT "arg|%s|", name);
	send_descriptors(&init, plan);
	set_up(&init);
	report = go(&init);
	CHECK(read(report, &failure, sizeof(failure)) == (ssize_t)sizeof(failure));
	close(report);
	CHECK(unlink(name) == 0);
	CHECK(failure.error == ENOEXEC);
	CHECK_HOLDS(failure.text, "exec /tmp/lxcri-init-");
	CHECK_HOLDS(failure.text, ": exec format error");
	ends_with(&init, 126);
	close(init.output);
}

static void without_its_monitor_it_ends(void)
{
	struct init init = start_init();

	ends_with(&init, 126);
	init = start_init();
	send_descriptors(&init, ROOT "arg|/bin/true|");
	ends_with(&init, 126);
	close(init.output);
	init = start_init();
	send_descriptors(&init, ROOT "arg|/bin/true|");
	set_up(&init);
	CHECK(gate_receive(init.gate, NULL, NULL, NULL, NULL, NULL) == GATE_READY);
	ends_with(&init, EXIT_SETUP_FAILED);
	close(init.output);
}

static void without_a_gate_it_does_nothing(void)
{
	pid_t child = fork();

	if (child == 0) {
		close(GATE_FD);
		_exit(run_init());
	}
	CHECK(status_of(child) == EXIT_SETUP_FAILED);
}

static void messages_out_of_order_are_refused(void)
{
	struct init init = start_init();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int many[GATE_BATCH];
	struct gate_failure failure;

	/* Too few descriptors. */
	CHECK(gate_send(init.gate, GATE_FDS, NULL, 0, &null, 1) == 0);
	set_up(&init);
	CHECK(receive_failure(&init).error == EPROTO);
	ends_with(&init, 126);

	/* Start before the set-up. */
	init = start_init();
	CHECK(gate_send(init.gate, GATE_GO, NULL, 0, &null, 1) == 0);
	CHECK(receive_failure(&init).error == EPROTO);
	ends_with(&init, 126);

	/* More than it has place for. */
	init = start_init();
	for (int i = 0; i < GATE_BATCH; i++)
		many[i] = null;
	for (int i = 0; i < SETUP_MAX_FDS / GATE_BATCH; i++)
		CHECK(gate_send(init.gate, GATE_FDS, NULL, 0, many, GATE_BATCH) == 0);
	gate_send(init.gate, GATE_FDS, NULL, 0, many, 1);
	/* Here, or at the limit of this process before that. */
	failure = receive_failure(&init);
	CHECK(failure.error == EPROTO || failure.error == EMSGSIZE);
	ends_with(&init, 126);

	/* Start without its pipe. */
	init = start_init();
	send_descriptors(&init, ROOT "arg|/bin/true|");
	set_up(&init);
	CHECK(gate_receive(init.gate, NULL, NULL, NULL, NULL, NULL) == GATE_READY);
	CHECK(gate_send(init.gate, GATE_GO, NULL, 0, NULL, 0) == 0);
	ends_with(&init, EXIT_SETUP_FAILED);
	close(init.output);
	close(null);
}

/* The container's own limit is none of the init's business: its descriptors are its own. */
static void a_low_limit_of_descriptors_is_no_hindrance(void)
{
	struct init init = start_init();
	char byte;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int joins[30], report;

	send_descriptors(&init, "join|30|rlimit|7|6|6|" ROOT "arg|/bin/sh|arg|-c|arg|ulimit -n|");
	for (int i = 0; i < 30; i++)
		joins[i] = null;
	CHECK(gate_send(init.gate, GATE_FDS, NULL, 0, joins, 30) == 0);
	close(null);
	set_up(&init);
	report = go(&init);
	CHECK(read(report, &byte, 1) == 0);
	close(report);
	CHECK_TEXT(output_of(&init), "6\n");
	ends_with(&init, 0);
}

static const struct check_test tests[] = {
	{TEST(the_payload_takes_the_inits_place)},
	{TEST(the_payload_has_its_streams_and_nothing_else)},
	{TEST(a_signal_ends_it_as_any_process)},
	{TEST(a_set_up_that_fails_is_told)},
	{TEST(a_payload_that_is_missing_is_told_before_start)},
	{TEST(a_payload_that_cannot_be_executed_is_told_at_start)},
	{TEST(without_its_monitor_it_ends)},
	{TEST(without_a_gate_it_does_nothing)},
	{TEST(messages_out_of_order_are_refused)},
	{TEST(a_low_limit_of_descriptors_is_no_hindrance)},
};

CHECK_MAIN_IN_CHILDREN(tests)
