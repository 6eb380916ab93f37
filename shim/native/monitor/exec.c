#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/kernel.h"
#include "init-gate.h"
#include "monitor.h"
#include "watch.h"

struct exec *find_exec(const struct monitor *monitor, const char *id)
{
	for (struct exec *exec = monitor->execs; exec; exec = exec->next)
		if (!exec->gone && strcmp(exec->id, id) == 0)
			return exec;
	return NULL;
}

static struct exec *add_exec(struct monitor *monitor, const char *id)
{
	struct exec *exec = strlen(id) > EXEC_MAX_ID ? NULL : calloc(1, sizeof(*exec));

	if (!exec)
		return NULL;
	strcpy(exec->id, id);
	snprintf(exec->prefix, sizeof(exec->prefix), "execs/%s.", id);
	snprintf(exec->plan_file, sizeof(exec->plan_file), "execs/%s.plan", id);
	initialize_process(&exec->process, exec->prefix, exec->plan_file);
	exec->next = monitor->execs;
	monitor->execs = exec;
	return exec;
}

static void close_exec(struct exec *exec)
{
	struct process *process = &exec->process;

	close_fd(&process->gate);
	close_fd(&process->start_report);
	close_fd(&process->pidfd);
	close_fd(&process->logger.ready);
	/* One whose process never was; any other has ended by now. */
	if (process->logger.pid > 0)
		kill(process->logger.pid, SIGTERM);
	close_terminal(process);
	close_payload_streams(process);
	for (int i = 0; i < 3; i++)
		close_fd(&process->streams[i].hold_fd);
	free_exec_plan(exec);
	exec->gone = true;
}

static void tell_running(struct monitor *monitor, const struct exec *exec)
{
	const struct process *process = &exec->process;

	tell(monitor, "exec %s running %d %llu", exec->id, (int)process->pid, (unsigned long long)process->start_time);
}

static void tell_exited(struct monitor *monitor, const struct exec *exec)
{
	const struct process *process = &exec->process;

	tell(
		monitor, "exec %s exited %d %lld %ld", exec->id, process->exit_status, (long long)process->exited_at.tv_sec,
		process->exited_at.tv_nsec);
}

void tell_exec(struct monitor *monitor, const struct exec *exec)
{
	if (exec->process.started && exec->process.asked[0])
		tell(monitor, "exec %s asked %s", exec->id, exec->process.asked);
	if (exec->process.started)
		tell_running(monitor, exec);
	if (exec->process.started && exec->process.phase == PHASE_STOPPED)
		tell_exited(monitor, exec);
}

/* Nothing of it is left: the client may start it again. */
static void give_up_exec(struct monitor *monitor, struct exec *exec)
{
	const struct gate_failure *failure = &exec->process.failure;

	exec->process.phase = PHASE_STOPPED;
	remember_call(&monitor->calls, exec->process.asked, failure->error, failure->text);
	tell(monitor, "exec %s failed %d %s", exec->id, failure->error, failure->text);
	if (exec->process.released)
		tell(monitor, "exec %s released", exec->id);
	close_exec(exec);
}

/* Everything that the init will need is sent at once; it waits for nobody. */
static int instruct_init(struct process *process)
{
	int failed =
		send_streams(process) < 0 || gate_send(process->gate, GATE_SETUP, NULL, 0, NULL, 0) < 0 || send_go(process) < 0;

	/* One that has ended already has left word why. */
	if (!failed || errno == EPIPE || errno == ECONNRESET)
		return 0;
	return process_fail(process, "cannot pass the plan and the streams to the init: %s", strerror(errno));
}

static int fork_helper(struct monitor *monitor, struct exec *exec)
{
	struct process *process = &exec->process;
	int gate[2];
	int init = open_init_program(monitor->init_program);

	if (init < 0)
		return process_fail(process, "cannot prepare the init: %s", strerror(errno));
	if (open_gate(gate) < 0) {
		close(init);
		return process_fail(process, "cannot make a socket: %s", strerror(errno));
	}
	exec->helper = fork();
	if (exec->helper == 0)
		enter_container(monitor, exec, gate[1], init);
	close(init);
	close(gate[1]);
	process->gate = gate[0];
	return exec->helper < 0 ? process_fail(process, "cannot fork: %s", strerror(errno)) : 0;
}

/* Once whoever takes its output is there. */
static int launch(struct monitor *monitor, struct exec *exec)
{
	exec->is_launched = true;
	return fork_helper(monitor, exec) < 0 ? -1 : instruct_init(&exec->process);
}

static int begin_exec(struct monitor *monitor, struct exec *exec)
{
	struct process *process = &exec->process;

	if (monitor->ending || (monitor->init.phase != PHASE_CREATED && monitor->init.phase != PHASE_RUNNING)) {
		errno = ESRCH;
		return process_fail(process, "the container's first process is not running");
	}
	if (read_exec_plan(exec) < 0)
		return -1;
	/* Of the daemon that starts it; the one that planned it may be gone. */
	process->logger.network = exec->network[0] ? exec->network : NULL;
	if (open_streams(process, &monitor->stream_owner) < 0)
		return -1;
	return process->logger.ready >= 0 ? 0 : launch(monitor, exec);
}

/* A helper that has been forked already ends by itself, and is nobody's any more. */
static void abandon(struct monitor *monitor, struct exec *exec)
{
	if (exec->helper > 0)
		kill(exec->helper, SIGKILL);
	give_up_exec(monitor, exec);
}

static void on_logger_ready(void *context, void *subject)
{
	struct exec *exec = subject;

	if (!exec->gone && take_readiness(&exec->process.logger) && launch(context, exec) < 0)
		abandon(context, exec);
}

void start_exec(
	struct monitor *monitor, const char *id, unsigned short rows, unsigned short columns, const char *network)
{
	struct exec *exec = find_exec(monitor, id);

	if (exec) {
		tell_exec(monitor, exec);
		return;
	}
	exec = add_exec(monitor, id);
	if (!exec) {
		tell(monitor, "exec %s failed %d no memory is left for it", id, ENOMEM);
		return;
	}
	resize_terminal(&exec->process, rows, columns);
	snprintf(exec->network, sizeof(exec->network), "%s", network);
	snprintf(exec->process.asked, sizeof(exec->process.asked), "%s", monitor->call);
	if (begin_exec(monitor, exec) < 0)
		abandon(monitor, exec);
}

static void hear_init(struct monitor *monitor, struct process *process)
{
	int root;

	if (receive_from_init(process, &root) == GATE_HELLO && monitor->ending)
		signal_process(process, SIGKILL);
	close_fd(&root);
}

static void on_exec_gate(void *context, void *subject)
{
	struct exec *exec = subject;

	if (!exec->gone && is_ready(exec->process.gate))
		hear_init(context, &exec->process);
}

static void read_start_report(struct monitor *monitor, struct exec *exec)
{
	struct process *process = &exec->process;
	struct gate_failure failure = {0};

	/* A failure that the init told before it ended. */
	while (is_ready(process->gate))
		hear_init(monitor, process);
	switch (receive_start_report(process, &failure)) {
		case REPORT_NONE_YET:
			return;
		case REPORT_FAILED:
			errno = failure.error;
			process_fail(process, "%s", failure.text);
			return;
		case REPORT_EXECUTED:
			break;
	}
	if (process->failed || process->pid == 0)
		return; /* the pipe closed because the init ended: its end tells */
	process->phase = PHASE_RUNNING;
	process->started = true;
	write_status(process);
	/* Also whose call it was: a daemon may have asked for it that is dead, and the next one be connected already. */
	tell_exec(monitor, exec);
}

static void on_exec_report(void *context, void *subject)
{
	struct exec *exec = subject;

	if (!exec->gone && is_ready(exec->process.start_report))
		read_start_report(context, exec);
}

void watch_execs(struct monitor *monitor, struct watch_list *list)
{
	for (struct exec *exec = monitor->execs; exec; exec = exec->next) {
		watch(list, exec->process.logger.ready, POLLIN, on_logger_ready, exec);
		watch(list, exec->process.gate, POLLIN, on_exec_gate, exec);
		watch(list, exec->process.start_report, POLLIN, on_exec_report, exec);
		watch_terminal(&exec->process, list);
	}
}

/* Said before it ended, and so there already. */
static void hear_last_words(struct monitor *monitor, struct exec *exec)
{
	while (is_ready(exec->process.gate))
		hear_init(monitor, &exec->process);
	if (is_ready(exec->process.start_report))
		read_start_report(monitor, exec);
}

static void exec_ended(struct monitor *monitor, struct exec *exec, int status)
{
	struct process *process = &exec->process;

	if (process->failed || !process->started) {
		errno = ECHILD;
		process_fail(process, "it ended before it was set up");
		give_up_exec(monitor, exec);
		return;
	}
	process->phase = PHASE_STOPPED;
	record_exit(process, status);
	write_status(process);
	tell_exited(monitor, exec);
}

void hear_execs(struct monitor *monitor)
{
	for (struct exec *exec = monitor->execs; exec; exec = exec->next)
		if (!exec->gone && !exec->process.started)
			hear_last_words(monitor, exec);
}

static void helper_ended(struct monitor *monitor, struct exec *exec)
{
	exec->helper = 0;
	/* Whoever could still say hello would have the gate open. */
	if (exec->process.pid == 0 && exec->process.gate < 0)
		exec_ended(monitor, exec, 0);
}

void end_exec(struct monitor *monitor, pid_t pid, int wait_status)
{
	for (struct exec *exec = monitor->execs; exec; exec = exec->next) {
		if (pid == exec->process.logger.pid)
			exec->process.logger.pid = 0;
		if (exec->gone || exec->process.phase == PHASE_STOPPED)
			continue;
		if (pid == exec->process.pid)
			exec_ended(monitor, exec, decode_wait_status(wait_status));
		else if (pid == exec->helper)
			helper_ended(monitor, exec);
		else if (exec->is_launched && exec->process.pid == 0 && exec->process.gate < 0 && exec->helper == 0)
			exec_ended(monitor, exec, 0);
	}
}

int kill_exec(struct monitor *monitor, struct exec *exec)
{
	if (!exec->is_launched && exec->process.phase != PHASE_STOPPED) {
		/* It waits for its logger. */
		errno = ECANCELED;
		process_fail(&exec->process, "it was ended before it was set up");
		abandon(monitor, exec);
		return 0;
	}
	if (exec->helper > 0)
		kill(exec->helper, SIGKILL);
	return signal_process(&exec->process, SIGKILL);
}

void kill_execs(struct monitor *monitor)
{
	for (struct exec *exec = monitor->execs; exec; exec = exec->next)
		if (!exec->gone)
			kill_exec(monitor, exec);
}

void release_exec(struct monitor *monitor, struct exec *exec)
{
	release_streams(&exec->process);
	if (exec->process.phase != PHASE_STOPPED)
		kill_exec(monitor, exec);
}

bool has_living_execs(const struct monitor *monitor)
{
	for (const struct exec *exec = monitor->execs; exec; exec = exec->next)
		if (!exec->gone && exec->process.phase != PHASE_STOPPED)
			return true;
	return false;
}

static void free_gone(struct monitor *monitor)
{
	for (struct exec **place = &monitor->execs; *place;) {
		struct exec *exec = *place;

		if (!exec->gone) {
			place = &exec->next;
			continue;
		}
		*place = exec->next;
		free(exec);
	}
}

enum settling settle_execs(struct monitor *monitor)
{
	enum settling worst = SETTLED;

	for (struct exec *exec = monitor->execs; exec; exec = exec->next) {
		enum settling settling;

		if (exec->gone || exec->process.phase != PHASE_STOPPED)
			continue;
		settling = settle_streams(&exec->process);
		if (settling == SETTLED && exec->process.released) {
			tell(monitor, "exec %s released", exec->id);
			close_exec(exec);
		}
		worst = settling > worst ? settling : worst;
	}
	free_gone(monitor);
	return worst;
}
