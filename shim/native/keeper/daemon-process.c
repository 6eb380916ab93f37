#include "daemon-process.h"

#include "daemon-child.h"
#include "daemon-log.h"
#include "host/deadline.h"
#include "host/file-io.h"
#include "host/unix-socket.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

// Node takes 0.1 s; an emulated machine half a minute.
#define START_LIMIT_MS 60000
// A daemon without its control connection is beside itself.
#define LOST_LIMIT_MS 5000
// A daemon that does not read what it asked for is not read from either.
#define OUTPUT_MAX ((size_t)8 * 1024 * 1024)

static bool takes_more(const struct daemon_process *process)
{
	return process->output.queue.bytes < OUTPUT_MAX;
}

static void watch_control(struct daemon_process *process)
{
	watch_events(
		&process->control, (takes_more(process) ? EPOLLIN : 0U) | (process->output.queue.first ? EPOLLOUT : 0U));
}

/** End of file: exec has closed the pipe, or the child is dead, which is told in another way. */
static void on_report(struct watch *watch, uint32_t events)
{
	struct daemon_process *process = watch->owner;
	(void)events;
	ssize_t length = read(watch->fd, process->failure.text, sizeof process->failure.text - 1);
	if (length < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	watch_close(watch);
	process->failure.text[length < 0 ? 0 : length] = '\0';
	if (length != 0)
		return;
	if (process->stage == DAEMON_SPAWNED)
		process->stage = DAEMON_EXECUTED;
	process->owner->executed(process);
}

static bool take_word(void *context, struct frame *frame)
{
	struct daemon_process *process = context;
	process->owner->said(process, frame);
	free(frame);
	return takes_more(process);
}

/** Takes what the daemon says. False: nothing more will come. */
static bool read_control(struct daemon_process *process)
{
	return !takes_more(process) || frame_reader_read_all(&process->reader, process->control.fd, take_word, process);
}

static void on_control(struct watch *watch, uint32_t events)
{
	struct daemon_process *process = watch->owner;
	bool there = true;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		there = read_control(process);
	if (there && frame_output_flush(&process->output, watch->fd) != SEND_FAILED) {
		watch_control(process);
		return;
	}
	watch_close(watch);
	daemon_process_limit(process, LOST_LIMIT_MS);
}

static void kill_it(struct timer *timer)
{
	struct daemon_process *process = timer->owner;
	process->is_overdue = true;
	kill(process->pid, SIGKILL);
}

void daemon_process_limit(struct daemon_process *process, int64_t milliseconds)
{
	timer_start(process->loop, &process->limit, milliseconds);
}

/** Both ends of what connects the keeper with a child. */
struct ends {
	int relay;
	int control[2];
	int report[2];
	int log;
};

static void close_ends(const struct ends *ends)
{
	const int all[] = {ends->relay, ends->control[0], ends->control[1], ends->report[0], ends->report[1], ends->log};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (all[i] >= 0)
			close(all[i]);
	}
}

static int open_ends(struct ends *ends, const char *relay_path, const struct paths *paths, struct failure *failure)
{
	*ends = (struct ends){-1, {-1, -1}, {-1, -1}, -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends->control) != 0)
		return fail_errno(failure, "cannot make a pair of sockets");
	if (pipe2(ends->report, O_CLOEXEC | O_NONBLOCK) != 0)
		return fail_errno(failure, "cannot make a pipe");
	ends->log = daemon_log_open(paths, failure);
	if (ends->log < 0)
		return -1;
	unlink(relay_path);
	ends->relay = unix_listen(relay_path);
	return ends->relay < 0 ? fail_errno(failure, "cannot listen on %s", relay_path) : 0;
}

static int fork_daemon(
	struct daemon_process *process, const struct daemon_setting *setting, const struct ends *ends,
	struct daemon_child *child, struct failure *failure)
{
	child->relay_fd = ends->relay;
	child->control_fd = ends->control[1];
	child->report_fd = ends->report[1];
	child->log_fd = ends->log;
	child->network_fd = setting->network_fd;
	child->keeper = getpid();
	process->pid = fork();
	if (process->pid == 0)
		daemon_child_run(child);
	return process->pid < 0 ? fail_errno(failure, "cannot start the shim daemon") : 0;
}

static int describe(
	struct daemon_child *child, const struct daemon_process *process, const struct daemon_setting *setting,
	struct failure *failure)
{
	static struct paths paths;
	paths = *setting->paths;
	if (format_path(paths.lib_dir, sizeof paths.lib_dir, "%s", process->lib_dir) != 0)
		return fail(failure, "the path %.200s is too long", process->lib_dir);
	if (daemon_environment_init(&child->environment, setting->environment, &paths, process->build, failure) != 0 ||
		daemon_environment_add(&child->environment, "LXCRI_KEEPER", setting->identity, failure) != 0)
		return -1;
	return daemon_program_find(&child->program, child->environment.variables, process->lib_dir, failure);
}

/** Waits for the child's report and for its words; takes those ends over. */
static int watch_child(struct daemon_process *process, struct ends *ends, struct failure *failure)
{
	process->report = (struct watch){.fd = -1, .ready = on_report, .owner = process};
	process->control = (struct watch){.fd = -1, .ready = on_control, .owner = process};
	int report = ends->report[0];
	int control = ends->control[0];
	ends->report[0] = ends->control[0] = -1;
	if (watch_open(process->loop, &process->report, report, EPOLLIN) != 0) {
		close(control);
		return fail_errno(failure, "cannot wait for the shim daemon");
	}
	if (watch_open(process->loop, &process->control, control, EPOLLIN) != 0)
		return fail_errno(failure, "cannot wait for the shim daemon");
	return 0;
}

static int start(struct daemon_process *process, const struct daemon_setting *setting, struct failure *failure)
{
	static struct daemon_child child;
	struct ends ends;
	if (describe(&child, process, setting, failure) != 0)
		return -1;
	int result = open_ends(&ends, process->relay_path, setting->paths, failure);
	if (result == 0)
		result = watch_child(process, &ends, failure);
	if (result == 0)
		process->log_start = lseek(ends.log, 0, SEEK_END);
	if (result == 0)
		result = fork_daemon(process, setting, &ends, &child, failure);
	if (result != 0) {
		unlink(process->relay_path);
		daemon_log_remove_if_empty(setting->paths);
	}
	close_ends(&ends);
	return result;
}

int daemon_process_start(
	struct daemon_process *process, struct event_loop *loop, const struct daemon_setting *setting, unsigned number,
	const char *build, const char *lib_dir, struct failure *failure)
{
	const struct daemon_owner *owner = process->owner;
	void *context = process->context;
	*process = (struct daemon_process){.owner = owner, .context = context, .loop = loop, .number = number};
	process->report = process->control = WATCH_CLOSED;
	process->limit.owner = process;
	process->limit.due = kill_it;
	if (format_path(process->build, sizeof process->build, "%s", build) != 0 ||
		format_path(process->lib_dir, sizeof process->lib_dir, "%s", lib_dir) != 0 ||
		paths_relay_socket(process->relay_path, setting->paths, number) != 0)
		return fail(failure, "the build or a path of it is too long: %.100s %.200s", build, lib_dir);
	if (start(process, setting, failure) != 0) {
		watch_close(&process->report);
		watch_close(&process->control);
		return -1;
	}
	process->stage = DAEMON_SPAWNED;
	daemon_process_limit(process, START_LIMIT_MS);
	return 0;
}

void daemon_process_tell(
	struct daemon_process *process, enum control_frame type, const void *head, size_t head_size, const void *data,
	size_t data_size)
{
	if (process->control.fd < 0 || process->stage == DAEMON_NONE)
		return;
	struct frame *frame = frame_new(0, (uint8_t)type, 0, NULL, head_size + data_size);
	if (!frame) {
		// It would wait without end for what it was to be told.
		kill(process->pid, SIGKILL);
		return;
	}
	if (head_size > 0)
		memcpy(frame_data(frame), head, head_size);
	if (data_size > 0)
		memcpy(frame_data(frame) + head_size, data, data_size);
	frame_queue_push(&process->output.queue, frame);
	// What fails is told by the next event.
	frame_output_flush(&process->output, process->control.fd);
	watch_control(process);
}

void daemon_process_close(struct daemon_process *process)
{
	// The kernel may tell of the end before the last words were read.
	if (process->report.fd >= 0)
		on_report(&process->report, EPOLLIN);
	process->stage = DAEMON_NONE;
	frame_output_clear(&process->output);
	if (process->control.fd >= 0)
		read_control(process);
	timer_stop(process->loop, &process->limit);
	watch_close(&process->report);
	watch_close(&process->control);
	frame_reader_reset(&process->reader);
	frame_output_clear(&process->output);
	unlink(process->relay_path);
	process->pid = 0;
}
