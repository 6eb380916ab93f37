#include "control.h"

#include "host/deadline.h"
#include "host/file-io.h"
#include "host/identifier.h"
#include "keeper-log.h"
#include "keeper.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

// Who connects has something to say; who does not say it must not keep a descriptor for ever.
#define FIRST_LINGER_MS 5000
#define LINE_LIMIT_MS 10000

static void close_connection(struct control_connection *connection)
{
	struct control_connection **link = &connection->keeper->control.first;
	while (*link != connection)
		link = &(*link)->next;
	*link = connection->next;
	timer_stop(&connection->keeper->loop, &connection->limit);
	watch_close(&connection->watch);
	free(connection);
}

/** Says the answer and closes. It fits into every socket's buffer; who has gone does not hear it. */
static void answer(struct control_connection *connection, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void answer(struct control_connection *connection, const char *format, ...)
{
	char text[CONTROL_LINE_MAX];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(text, sizeof text - 1, format, args);
	va_end(args);
	size_t size = length < 0 ? 0 : (size_t)length < sizeof text - 1 ? (size_t)length : sizeof text - 2;
	text[size++] = '\n';
	ssize_t sent = send(connection->watch.fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)sent;
	close_connection(connection);
}

static void answer_error(struct control_connection *connection, const struct failure *failure)
{
	answer(connection, "error %s", failure->text);
}

/** Until its answer only its hanging up matters, which epoll tells of without being asked. */
static void await(struct control_connection *connection, int state)
{
	connection->state = state;
	timer_stop(&connection->keeper->loop, &connection->limit);
	watch_events(&connection->watch, 0);
}

static bool is_path(const char *text)
{
	return text && *text == '/';
}

/**
 * If the keeper is there for nothing else, it departs first, so that whoever is told of a failure finds nothing left.
 */
static bool is_in_vain(struct keeper *keeper, const struct failure *failure)
{
	struct control *control = &keeper->control;
	if (!daemon_life_is_over(keeper) || keeper->clients.first)
		return false;
	control->in_vain = true;
	snprintf(control->error, sizeof control->error, "%s", failure->text);
	return true;
}

/** listen NS BUILD LIBDIR; the library directory comes last, since a path may hold blanks. */
static void do_listen(struct control_connection *connection, char *rest)
{
	struct keeper *keeper = connection->keeper;
	struct failure failure;
	char path[PATH_MAX];
	if (keeper->life.ending) {
		// Without an answer: the launcher waits for the lock, and starts the next keeper.
		close_connection(connection);
		return;
	}
	const char *name = strsep(&rest, " ");
	const char *build = strsep(&rest, " ");
	const char *lib_dir = rest;
	if (identifier_check("namespace", name, &failure) != 0) {
		answer_error(connection, &failure);
		return;
	}
	if (!build || !*build || strlen(build) >= BUILD_MAX || !is_path(lib_dir)) {
		answer(connection, "error it is: listen NAMESPACE BUILD LIBDIR");
		return;
	}
	if (clients_listen(keeper, name, path, &failure) != 0) {
		if (!keeper->clients.sockets && is_in_vain(keeper, &failure))
			await(connection, AWAITS_START);
		else
			answer_error(connection, &failure);
		return;
	}
	keeper->control.linger_end = deadline_in_ms(keeper->control.linger_ms);
	// Whoever waits to hear of a failure hears what comes of this.
	keeper->control.in_vain = false;
	if (!daemon_life_is(keeper, build) && !keeper->life.successor && !daemon_life_refused(keeper, build))
		daemon_life_replace(keeper, build, lib_dir);
	if (!daemon_life_announce(keeper)) {
		answer(connection, "ok %s", path);
		return;
	}
	snprintf(connection->line, sizeof connection->line, "ok %s", path);
	await(connection, AWAITS_START);
}

static void do_replace(struct control_connection *connection, char *rest)
{
	struct keeper *keeper = connection->keeper;
	const char *build = strsep(&rest, " ");
	const char *lib_dir = rest;
	if (keeper->life.ending) {
		answer(connection, "error the keeper is ending");
		return;
	}
	if (!build || !*build || strlen(build) >= BUILD_MAX || !is_path(lib_dir)) {
		answer(connection, "error it is: replace BUILD LIBDIR");
		return;
	}
	if (keeper->life.successor) {
		answer(connection, "error another daemon is just taking over");
		return;
	}
	await(connection, AWAITS_REPLACEMENT);
	daemon_life_replace(keeper, build, lib_dir);
}

static void do_status(struct control_connection *connection)
{
	const struct keeper *keeper = connection->keeper;
	const struct daemon_life *life = &keeper->life;
	struct clients_summary clients = clients_summarize(keeper);
	char daemon[16] = "-";
	if (life->current)
		snprintf(daemon, sizeof daemon, "%ld", (long)life->current->pid);
	answer(
		connection, "keeper %ld\nkeeper-build %s\ndaemon %s\nstate %s\nbuild %s\nrequests %zu\nconnections %zu",
		(long)getpid(), keeper->build, daemon, daemon_life_state(keeper), life->build, clients.requests,
		clients.connections);
}

static void obey(struct control_connection *connection)
{
	// The line is used for the answer as well.
	char line[CONTROL_LINE_MAX];
	strcpy(line, connection->line);
	char *rest = line;
	const char *word = strsep(&rest, " ");
	if (strcmp(word, "listen") == 0) {
		do_listen(connection, rest);
	} else if (strcmp(word, "replace") == 0) {
		do_replace(connection, rest);
	} else if (strcmp(word, "status") == 0) {
		do_status(connection);
	} else if (strcmp(word, "wake") == 0) {
		daemon_life_wake(connection->keeper);
		close_connection(connection);
	} else {
		answer(connection, "error there are: listen, wake, replace, status");
	}
}

/** Reads what is there of a line that is too long: to close over it would take the answer away. */
static void pass_over(int fd)
{
	char nowhere[4096];
	for (int i = 0; i < 64 && recv(fd, nowhere, sizeof nowhere, MSG_DONTWAIT) > 0; i++)
		;
}

static void on_line(struct watch *watch, uint32_t events)
{
	struct control_connection *connection = watch->owner;
	if (connection->state != ASKING) {
		if (events & (EPOLLHUP | EPOLLERR))
			close_connection(connection);
		return;
	}
	size_t room = sizeof connection->line - 1 - connection->used;
	ssize_t got = recv(watch->fd, connection->line + connection->used, room, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		close_connection(connection);
		return;
	}
	connection->used += (size_t)got;
	connection->line[connection->used] = '\0';
	char *end = memchr(connection->line, '\n', connection->used);
	if (end) {
		*end = '\0';
		obey(connection);
	} else if (connection->used == sizeof connection->line - 1) {
		pass_over(watch->fd);
		answer(connection, "error the line is too long");
	}
}

static void on_limit(struct timer *timer)
{
	close_connection(timer->owner);
}

static void add_connection(struct listener *listener, int fd)
{
	struct keeper *keeper = listener->owner;
	struct control_connection *connection = calloc(1, sizeof *connection);
	if (!connection) {
		close(fd);
		return;
	}
	connection->keeper = keeper;
	connection->watch = (struct watch){.fd = -1, .ready = on_line, .owner = connection};
	connection->limit = (struct timer){.due = on_limit, .owner = connection};
	if (watch_open(&keeper->loop, &connection->watch, fd, EPOLLIN) != 0) {
		free(connection);
		return;
	}
	connection->next = keeper->control.first;
	keeper->control.first = connection;
	timer_start(&keeper->loop, &connection->limit, LINE_LIMIT_MS);
}

static int control_listen(struct keeper *keeper, struct failure *failure)
{
	const char *path = keeper->paths.keeper_socket;
	if (listener_open(&keeper->control.listener, &keeper->loop, path) != 0)
		return fail_errno(failure, "cannot listen on %s", path);
	return 0;
}

int control_open(struct keeper *keeper, int64_t linger_ms, struct failure *failure)
{
	struct control *control = &keeper->control;
	control->listener.accepted = add_connection;
	control->listener.owner = keeper;
	control->linger_ms = linger_ms;
	// The launcher that has started it is about to ask; it may be slow.
	control->linger_end = deadline_in_ms(linger_ms < FIRST_LINGER_MS ? FIRST_LINGER_MS : linger_ms);
	return control_listen(keeper, failure);
}

int control_listen_again(struct keeper *keeper, struct failure *failure)
{
	listener_close(&keeper->control.listener);
	return control_listen(keeper, failure);
}

void control_started(struct keeper *keeper, const struct failure *failure)
{
	if (failure && is_in_vain(keeper, failure))
		return;
	struct control_connection *next;
	for (struct control_connection *connection = keeper->control.first; connection; connection = next) {
		next = connection->next;
		if (connection->state != AWAITS_START)
			continue;
		if (failure)
			answer_error(connection, failure);
		else
			answer(connection, "%s", connection->line);
	}
}

void control_replaced(struct keeper *keeper, const struct failure *failure)
{
	struct control_connection *next;
	for (struct control_connection *connection = keeper->control.first; connection; connection = next) {
		next = connection->next;
		if (connection->state != AWAITS_REPLACEMENT)
			continue;
		if (failure)
			answer_error(connection, failure);
		else
			answer(connection, "ok");
	}
}

void control_close_socket(struct keeper *keeper)
{
	unlink(keeper->paths.keeper_socket);
	listener_close(&keeper->control.listener);
}

void control_close(struct keeper *keeper)
{
	struct control *control = &keeper->control;
	while (control->first) {
		if (control->in_vain && control->first->state == AWAITS_START)
			answer(control->first, "error %s", control->error);
		else
			close_connection(control->first);
	}
}
