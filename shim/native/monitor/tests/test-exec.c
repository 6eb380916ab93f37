/*
 * Execs in a container of which only the namespaces are real: a process of the test. The init is this program again,
 * under the name that the monitor calls it by; what it does is said by its plan.
 */
#include "../common/gate.h"
#include "../common/kernel.h"
#include "monitor.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"
#include "testing/temp-dir.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#define PATIENCE_ROUNDS 2000

static struct monitor monitor;
static int daemon_end;

/* ---- The init ---- */

static void be_init(void)
{
	struct gate_failure failure = {.error = ENOENT, .text = "process.cwd: no such thing"};
	int fds[GATE_BATCH], report = -1;
	size_t count = GATE_BATCH, size = sizeof(struct gate_size);
	struct gate_size asked;
	char plan[32] = "";

	alarm(20);
	gate_send(GATE_FD, GATE_HELLO, NULL, 0, NULL, 0);
	if (gate_receive(GATE_FD, NULL, NULL, fds, &count, NULL) != GATE_FDS || count != 4)
		_exit(99);
	if (read(fds[0], plan, sizeof(plan) - 1) <= 0 || gate_receive(GATE_FD, NULL, NULL, NULL, NULL, NULL) != GATE_SETUP)
		_exit(98);
	if (strcmp(plan, "die") == 0)
		_exit(5);
	if (strcmp(plan, "fail") == 0) {
		gate_send(GATE_FD, GATE_FAILED, &failure, sizeof(failure), NULL, 0);
		_exit(127);
	}
	count = 1;
	if (gate_receive(GATE_FD, &asked, &size, &report, &count, NULL) != GATE_GO || count != 1)
		_exit(97);
	if (strcmp(plan, "cannot execute") == 0) {
		CHECK(write(report, &failure, sizeof(failure)) == (ssize_t)sizeof(failure));
		_exit(126);
	}
	close(GATE_FD);
	close(report);
	CHECK(write(fds[2], "output", 6) == 6);
	if (strcmp(plan, "exit") == 0)
		_exit(getpid() < 10 ? 7 : 96);
	for (;;)
		pause();
}

/* ---- The container ---- */

static void start_container(void)
{
	int pair[2], ready[2];
	pid_t child;
	char word;

	monitor = (struct monitor){0};
	monitor_initialize(&monitor);
	monitor.init_program = "/proc/self/exe";
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	adopt_connection(&monitor, pair[1]);
	daemon_end = pair[0];
	CHECK(unshare(CLONE_NEWPID) == 0);
	CHECK(pipe2(ready, O_CLOEXEC) == 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNS | CLONE_NEWUTS) < 0 || write(ready[1], "!", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	CHECK(read(ready[0], &word, 1) == 1);
	close(ready[0]);
	close(ready[1]);
	/* Ours again for what follows; the monitor is in the host's. */
	CHECK(setns(open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC), CLONE_NEWPID) == 0);
	CHECK(identify_process(&monitor.init, child) == 0);
	monitor.init.phase = PHASE_RUNNING;
	CHECK(mkdir("execs", 0700) == 0);
}

/* What the monitor is to do, and then what the init is. */
static void write_plan(const char *id, const char *init)
{
	static const char streams[] = "record\0{}\0stdio\0001\0out\0init\0";
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "execs/%s.plan", id);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && write(fd, streams, sizeof(streams) - 1) == (ssize_t)sizeof(streams) - 1);
	CHECK(write(fd, init, strlen(init) + 1) == (ssize_t)strlen(init) + 1);
	close(fd);
}

static void add_exec(const char *id, const char *init)
{
	write_plan(id, init);
	write_text("out", "");
}

/* Rounds of the main loop, until the daemon is told this. Returns all that it was told. */
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
		settle_execs(&monitor);
		clear_watchers(&list);
		watch_execs(&monitor, &list);
		wait_at_most(&list, 5);
		run_watchers(&list, &monitor);
		reap_children(&monitor);
	}
	CHECK_HOLDS(text, told);
	return text;
}

static void it_runs_and_ends(void)
{
	const char *told;
	int before = count_descriptors();

	enter_temp_dir();
	start_container();
	add_exec("one", "exit");
	start_exec(&monitor, "one", 0, 0, "");
	told = serve_until("exec one exited 7 ");
	CHECK_HOLDS(told, "exec one running ");
	CHECK_TEXT(read_text("out"), "output");
	CHECK_HOLDS(read_text("execs/one.status"), "phase stopped\nstarted 1\n");
	/* It is told again to whoever asks again, and started once. */
	start_exec(&monitor, "one", 0, 0, "");
	serve_until("exec one exited 7 ");
	CHECK_TEXT(read_text("out"), "output");
	release_exec(&monitor, find_exec(&monitor, "one"));
	serve_until("exec one released\n");
	CHECK(!monitor.execs);
	kill(monitor.init.pid, SIGKILL);
	close_fd(&monitor.init.pidfd);
	close_fd(&monitor.connections[MONITOR_MAX_CONNECTIONS - 1].fd);
	close(daemon_end);
	/* The PID namespace's own descriptor was opened by the test. */
	CHECK(count_descriptors() == before + 1);
}

static void a_failed_start_leaves_nothing(void)
{
	static const struct {
		const char *plan, *text;
	} cases[] = {
		{"fail", "exec one failed 2 process.cwd: no such thing\n"},
		{"cannot execute", "exec one failed 2 process.cwd: no such thing\n"},
	};

	enter_temp_dir();
	start_container();
	add_exec("one", "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		write_plan("one", cases[i].plan);
		start_exec(&monitor, "one", 0, 0, "");
		serve_until(cases[i].text);
		settle_execs(&monitor);
		CHECK(!monitor.execs);
		CHECK(access("execs/one.status", F_OK) < 0);
	}
	/* So it may be started again. */
	write_plan("one", "exit");
	start_exec(&monitor, "one", 0, 0, "");
	serve_until("exec one exited 7 ");
}

static void command(const char *text)
{
	CHECK(send(daemon_end, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
	read_connection(&monitor, &monitor.connections[MONITOR_MAX_CONNECTIONS - 1]);
}

static void a_start_that_comes_again_is_answered_and_not_done_again(void)
{
	enter_temp_dir();
	start_container();
	add_exec("one", "fail");
	command("for k/1/3 exec one start 0 0 \n");
	serve_until("exec one failed 2 process.cwd: no such thing\n");
	/* It would succeed now, but this call has failed; the next one has not. */
	write_plan("one", "exit");
	command("for k/1/3 exec one start 0 0 \n");
	serve_until("exec one failed 2 process.cwd: no such thing\n");
	CHECK(!find_exec(&monitor, "one"));
	command("for k/1/5 exec one start 0 0 \n");
	serve_until("exec one exited 7 ");
	command("for k/1/5 exec one start 0 0 \n");
	CHECK_HOLDS(serve_until("exec one exited 7 "), "exec one asked k/1/5\nexec one running ");
	CHECK_TEXT(read_text("out"), "output");
	CHECK_HOLDS(read_text("execs/one.status"), "asked k/1/5\n");
}

static void what_it_needs_is_named(void)
{
	enter_temp_dir();
	start_container();
	start_exec(&monitor, "one", 0, 0, "");
	serve_until("exec one failed 2 cannot open its plan: No such file or directory\n");
	write_text("execs/two.plan", "stdio");
	start_exec(&monitor, "two", 0, 0, "");
	serve_until("exec two failed 22 cannot read its plan: Invalid argument\n");
	add_exec("three", "exit");
	CHECK(unlink("out") == 0);
	start_exec(&monitor, "three", 0, 0, "");
	serve_until("exec three failed 2 cannot open stdout (out): No such file or directory\n");
	add_exec("four", "exit");
	kill(monitor.init.pid, SIGKILL);
	serve_until("exited 137 ");
	start_exec(&monitor, "four", 0, 0, "");
	serve_until("exec four failed 3 the container's first process is not running\n");
}

/* Clients are told of the container's end last. */
static void the_container_ends_after_its_execs(void)
{
	const char *told;

	enter_temp_dir();
	start_container();
	add_exec("one", "stay");
	add_exec("two", "stay");
	start_exec(&monitor, "one", 0, 0, "");
	start_exec(&monitor, "two", 0, 0, "");
	/* In whichever order. */
	if (!strstr(serve_until("exec two running "), "exec one running "))
		serve_until("exec one running ");
	kill(monitor.init.pid, SIGKILL);
	told = serve_until("\nexited 137 ");
	CHECK_HOLDS(told, "exec one exited 137 ");
	CHECK_HOLDS(told, "exec two exited 137 ");
	CHECK(monitor.init.phase == PHASE_STOPPED);
}

static const struct check_test tests[] = {
	{TEST(it_runs_and_ends)},
	{TEST(a_failed_start_leaves_nothing)},
	{TEST(a_start_that_comes_again_is_answered_and_not_done_again)},
	{TEST(what_it_needs_is_named)},
	{TEST(the_container_ends_after_its_execs)},
};

int main(int argc, char **argv)
{
	(void)argc;
	if (strcmp(argv[0], "lxcri-init") == 0)
		be_init();
	return check_run_in_children(tests, sizeof(tests) / sizeof(tests[0]));
}
