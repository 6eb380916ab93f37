/*
 * The line protocol with the daemon, on the socket that it started the monitor with and on `monitor.sock`, where the
 * next daemon finds it. A connection begins with what is known, so a daemon never needs to ask.
 *
 *   monitor -> daemon   created PID START-TIME | running | start-failed ERRNO TEXT | failed ERRNO TEXT |
 *                       exited STATUS SECONDS NANOSECONDS | signalled ERRNO | oom COUNT | warning TEXT
 *                       checkpointed STATUS | streams MODE MOUNT INODE MODE MOUNT INODE MODE MOUNT INODE
 *                       exec ID running PID START-TIME | exec ID failed ERRNO TEXT |
 *                       exec ID exited STATUS SECONDS NANOSECONDS | exec ID released
 *                       asked CALL | exec ID asked CALL | done CALL ERRNO | greeted | asleep
 *   daemon -> monitor   start | signal NUMBER | close-stdin | resize ROWS COLUMNS | abort | release
 *                       restore NETWORK | checkpoint NETWORK TOKEN | await-checkpoint TOKEN | abort-checkpoint |
 *                       describe-streams | sleep |
 *                       exec ID start ROWS COLUMNS NETWORK | exec ID signal NUMBER | exec ID close-stdin |
 *                       exec ID resize ROWS COLUMNS | exec ID release |
 *                       signal-all NUMBER | greet | for CALL COMMAND
 *
 * `created` has a pid of 0 for a container that criu is to restore, and comes again when it has.
 * `signal` alone is answered, whoever it is for, in the order of the questions. `release` says that nobody will read
 * what is kept of the output; for the container, it is the last that the monitor is told.
 * `sleep` ends the connection behind `asleep`: the daemon has heard everything, and the keeper is woken when there is
 * more to tell (wake.c), as whenever there is something to tell and nobody is connected.
 *
 * `for CALL COMMAND` is a command of a client's call: asked again by the next daemon, it is not done again. Such a
 * start is answered as any other, and `asked` says whose it was; all others are answered `done`. `greeted` answers
 * `greet`: all that a connection begins with has been said.
 *
 * The connection's end, after `exited` or `failed`, says that everything of the container is cleaned up.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "monitor.h"

/* For a daemon that stands still. */
#define PARTING_MS 1000

static void drop(struct connection *connection)
{
	if (connection->fd >= 0) {
		/* A child that has just been forked may have it too. */
		shutdown(connection->fd, SHUT_RDWR);
		close(connection->fd);
	}
	connection->fd = -1;
	connection->length = 0;
}

/*
 * Never waits: a daemon that does not read is dropped, connects again and is told everything anew. False where nobody
 * gets it.
 */
static bool send_line(struct connection *connection, const char *line, size_t size)
{
	if (connection->fd < 0)
		return false;
	if (send(connection->fd, line, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size)
		return true;
	drop(connection);
	return false;
}

__attribute__((format(printf, 3, 0))) static size_t
format_line(char *line, size_t room, const char *format, va_list list)
{
	int size = vsnprintf(line, room - 1, format, list);
	size_t length = size < 0 ? 0 : (size_t)size < room - 1 ? (size_t)size : room - 2;

	for (size_t i = 0; i < length; i++)
		if (line[i] == '\n')
			line[i] = ' ';
	line[length] = '\n';
	return length + 1;
}

/* To the monitor's audience. False where there is none. */
__attribute__((format(printf, 2, 0))) static bool say(struct monitor *monitor, const char *format, va_list list)
{
	char line[GATE_TEXT + 64];
	size_t size = format_line(line, sizeof(line), format, list);
	bool heard = false;

	for (int i = 0; i < MONITOR_MAX_CONNECTIONS; i++)
		if (!monitor->audience || monitor->audience == &monitor->connections[i])
			heard |= send_line(&monitor->connections[i], line, size);
	return heard;
}

void tell(struct monitor *monitor, const char *format, ...)
{
	va_list list;
	bool heard;

	va_start(list, format);
	heard = say(monitor, format, list);
	va_end(list);
	if (!heard && !monitor->audience)
		wake_keeper(monitor);
}

/* Nobody is woken for it. */
__attribute__((format(printf, 2, 3))) static void mention(struct monitor *monitor, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	say(monitor, format, list);
	va_end(list);
}

void warn(struct monitor *monitor, const char *format, ...)
{
	char text[GATE_TEXT];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	dprintf(STDERR_FILENO, "lxcri-monitor: WARN %s\n", text);
	mention(monitor, "warning %s", text);
}

__attribute__((format(printf, 2, 3))) static void answer(struct connection *connection, const char *format, ...)
{
	char line[GATE_TEXT + 64];
	va_list list;
	size_t size;

	va_start(list, format);
	size = format_line(line, sizeof(line), format, list);
	va_end(list);
	send_line(connection, line, size);
}

static void greet(struct monitor *monitor, struct connection *connection)
{
	monitor->audience = connection;
	tell_container(monitor);
	monitor->audience = NULL;
}

void adopt_connection(struct monitor *monitor, int fd)
{
	struct connection *place = &monitor->connections[0];
	const int room = 4 << 20;

	for (int i = 0; i < MONITOR_MAX_CONNECTIONS; i++)
		if (monitor->connections[i].fd < 0)
			place = &monitor->connections[i];
	/* All taken: the oldest kind of caller is a daemon that died unseen; make room. */
	drop(place);
	place->fd = fd;
	forget_wake(monitor);
	/* A hundred execs are some three hundred lines at once, and whoever does not take them all is dropped. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	greet(monitor, place);
}

int open_control(struct monitor *monitor)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "monitor.sock"};

	monitor->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (monitor->listener < 0)
		return monitor_fail(monitor, "cannot create a socket: %s", strerror(errno));
	umask(0177);
	if (bind(monitor->listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(monitor->listener, 8) < 0)
		return monitor_fail(monitor, "cannot listen on monitor.sock: %s", strerror(errno));
	umask(022);
	return 0;
}

void accept_connection(struct monitor *monitor)
{
	int fd = accept4(monitor->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		adopt_connection(monitor, fd);
}

/* Until the other end is closed too, or time is up. */
static void drain(int fd)
{
	struct pollfd connection = {.fd = fd, .events = POLLIN};
	char ignored[256];

	while (poll(&connection, 1, PARTING_MS) > 0 && recv(fd, ignored, sizeof(ignored), MSG_DONTWAIT) > 0)
		continue;
}

/*
 * A daemon that writes to a closed connection is told of that before it has read what was said last, and never reads
 * it. So it is told that nothing will follow, and closes first.
 */
void part_with_daemons(struct monitor *monitor)
{
	for (int i = 0; i < MONITOR_MAX_CONNECTIONS; i++)
		if (monitor->connections[i].fd >= 0)
			shutdown(monitor->connections[i].fd, SHUT_WR);
	for (int i = 0; i < MONITOR_MAX_CONNECTIONS; i++) {
		if (monitor->connections[i].fd >= 0)
			drain(monitor->connections[i].fd);
		drop(&monitor->connections[i]);
	}
}

static void release(struct monitor *monitor)
{
	release_streams(&monitor->init);
	for (struct exec *exec = monitor->execs; exec; exec = exec->next)
		release_streams(&exec->process);
}

static void resize(struct monitor *monitor, struct process *process, const char *arguments)
{
	unsigned short rows, columns;
	int error;

	if (sscanf(arguments, "%hu %hu", &rows, &columns) != 2)
		return;
	error = resize_terminal(process, rows, columns);
	if (error)
		warn(monitor, "cannot resize a terminal: %s", strerror(error));
}

/* To whoever sent it; of a call, when the command is through. */
static void answer_signal(struct monitor *monitor, struct connection *connection, int error)
{
	if (monitor->call[0])
		monitor->call_error = error;
	else
		answer(connection, "signalled %d", error);
}

static int signal_all(const struct monitor *monitor, int number)
{
	return monitor->init.phase == PHASE_STOPPED ? ESRCH : signal_in_cgroups(monitor, number);
}

/* What any process understands. False for another command. */
static bool
run_process_command(struct monitor *monitor, struct connection *connection, struct process *process, const char *line)
{
	if (strncmp(line, "signal ", 7) == 0)
		answer_signal(monitor, connection, signal_process(process, atoi(line + 7)));
	else if (strcmp(line, "close-stdin") == 0)
		close_stdin(process);
	else if (strncmp(line, "resize ", 7) == 0)
		resize(monitor, process, line + 7);
	else
		return false;
	return true;
}

/* One that is not there: it has not been started, or has been released, or its start has failed. */
static void
run_missing_exec_command(struct monitor *monitor, struct connection *connection, const char *id, const char *command)
{
	if (strncmp(command, "signal ", 7) == 0)
		answer_signal(monitor, connection, ESRCH);
	else if (strcmp(command, "release") == 0)
		tell(monitor, "exec %s released", id);
}

static void
run_exec_start(struct monitor *monitor, struct connection *connection, const char *id, const char *arguments)
{
	const struct call *failed = find_call(&monitor->calls, monitor->call);
	unsigned short rows = 0, columns = 0;
	char network[128] = "";

	/* One that did not fail is still there. */
	if (failed) {
		answer(connection, "exec %s failed %d %s", id, failed->error, failed->text ? failed->text : "");
		return;
	}
	sscanf(arguments, "%hu %hu %127s", &rows, &columns, network);
	start_exec(monitor, id, rows, columns, network);
}

/* exec ID COMMAND */
static void run_exec_command(struct monitor *monitor, struct connection *connection, char *line)
{
	const char *id = strsep(&line, " ");
	struct exec *exec = find_exec(monitor, id);

	if (!line)
		warn(monitor, "exec %s: a command is missing", id);
	else if (strncmp(line, "start ", 6) == 0)
		run_exec_start(monitor, connection, id, line + 6);
	else if (!exec)
		run_missing_exec_command(monitor, connection, id, line);
	else if (strcmp(line, "release") == 0)
		release_exec(monitor, exec);
	else if (strcmp(line, "signal 9") == 0)
		answer_signal(monitor, connection, kill_exec(monitor, exec));
	else if (!run_process_command(monitor, connection, &exec->process, line))
		warn(monitor, "unknown command \"exec %s %s\"", id, line);
}

/* Which files the first process was given, as statx(2) tells: criu names them so. */
static void answer_streams(const struct monitor *monitor, struct connection *connection)
{
	const struct stream *streams = monitor->init.streams;

	answer(
		connection, "streams %o %llu %llu %o %llu %llu %o %llu %llu", streams[0].mode,
		(unsigned long long)streams[0].mount, (unsigned long long)streams[0].inode, streams[1].mode,
		(unsigned long long)streams[1].mount, (unsigned long long)streams[1].inode, streams[2].mode,
		(unsigned long long)streams[2].mount, (unsigned long long)streams[2].inode);
}

/* The daemon says nothing behind its `sleep`, so that nothing is lost. */
static void fall_asleep(struct connection *connection)
{
	answer(connection, "asleep");
	drop(connection);
}

static void run_command(struct monitor *monitor, struct connection *connection, char *line)
{
	if (strcmp(line, "start") == 0)
		command_start(monitor);
	else if (strncmp(line, "restore ", 8) == 0)
		command_restore(monitor, line + 8);
	else if (strncmp(line, "checkpoint ", 11) == 0)
		command_checkpoint(monitor, line + 11);
	else if (strncmp(line, "await-checkpoint ", 17) == 0)
		command_await_checkpoint(monitor, line + 17);
	else if (strcmp(line, "abort-checkpoint") == 0)
		command_abort_checkpoint(monitor);
	else if (strcmp(line, "describe-streams") == 0)
		answer_streams(monitor, connection);
	else if (strcmp(line, "sleep") == 0)
		fall_asleep(connection);
	else if (strncmp(line, "signal-all ", 11) == 0)
		answer_signal(monitor, connection, signal_all(monitor, atoi(line + 11)));
	else if (strcmp(line, "greet") == 0)
		answer(connection, "greeted");
	else if (strcmp(line, "abort") == 0)
		command_abort(monitor);
	else if (strcmp(line, "release") == 0)
		release(monitor);
	else if (strncmp(line, "exec ", 5) == 0)
		run_exec_command(monitor, connection, line + 5);
	else if (!run_process_command(monitor, connection, &monitor->init, line))
		warn(monitor, "unknown command \"%s\"", line);
}

/* What became of it is told by the process, to all. */
static bool is_start(const char *command)
{
	const char *of_exec = strncmp(command, "exec ", 5) == 0 ? strchr(command + 5, ' ') : NULL;

	return strcmp(command, "start") == 0 || strncmp(command, "restore ", 8) == 0 ||
		   (of_exec && strncmp(of_exec, " start ", 7) == 0);
}

/* CALL COMMAND */
static void run_call(struct monitor *monitor, struct connection *connection, char *line)
{
	const char *id = strsep(&line, " ");
	bool starts = line && is_start(line);
	const struct call *known;

	if (!line || !id[0] || strlen(id) > CALL_MAX_ID) {
		warn(monitor, "a call has no command, or no name that could be remembered");
		return;
	}
	known = starts ? NULL : find_call(&monitor->calls, id);
	monitor->call_error = known ? known->error : 0;
	monitor->call = id;
	if (!known)
		run_command(monitor, connection, line);
	monitor->call = "";
	if (starts)
		return;
	if (!known)
		remember_call(&monitor->calls, id, monitor->call_error, NULL);
	answer(connection, "done %s %d", id, monitor->call_error);
}

static void run_line(struct monitor *monitor, struct connection *connection, char *line)
{
	if (strncmp(line, "for ", 4) == 0)
		run_call(monitor, connection, line + 4);
	else
		run_command(monitor, connection, line);
}

void read_connection(struct monitor *monitor, struct connection *connection)
{
	ssize_t size = recv(
		connection->fd, connection->line + connection->length, sizeof(connection->line) - connection->length,
		MSG_DONTWAIT);
	char *end;

	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size <= 0) {
		drop(connection);
		return;
	}
	connection->length += (size_t)size;
	while (connection->fd >= 0 && (end = memchr(connection->line, '\n', connection->length))) {
		size_t used = (size_t)(end - connection->line) + 1;

		*end = '\0';
		run_line(monitor, connection, connection->line);
		if (connection->fd < 0)
			return;
		connection->length -= used;
		memmove(connection->line, connection->line + used, connection->length);
	}
	if (connection->length == sizeof(connection->line))
		drop(connection);
}

static void on_listener(void *context, void *subject)
{
	struct monitor *monitor = context;

	(void)subject;
	if (is_ready(monitor->listener))
		accept_connection(monitor);
}

static void on_connection(void *context, void *subject)
{
	struct connection *connection = subject;

	if (connection->fd >= 0)
		read_connection(context, connection);
}

void watch_control(struct monitor *monitor, struct watch_list *list)
{
	for (int i = 0; i < MONITOR_MAX_CONNECTIONS; i++)
		watch(list, monitor->connections[i].fd, POLLIN, on_connection, &monitor->connections[i]);
	watch(list, monitor->listener, POLLIN, on_listener, NULL);
}
