#include "clients.h"

#include "host/unix-socket.h"
#include "keeper-log.h"
#include "keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

// The queue of a daemon's socket is full: it will come to it.
#define CONNECT_AGAIN_MS 5

// For launchers, daemons and the connections to them: a crowd of clients must not keep containers from being ended.
#define SPARE_DESCRIPTORS 64
// How long a daemon that ends may be seen to live after it has closed a connection: it lets calls under way end for a
// second (shim/daemon/daemon.ts), and its exit takes a moment more.
#define FORSAKEN_MS 5000
// No descriptors: somebody may give some back.

static void attach(struct keeper *keeper, struct relay *relay)
{
	const struct daemon_process *daemon = daemon_life_serving(keeper);
	if (!daemon || relay->daemon.fd >= 0 || relay->timer.running || !relay_needs_daemon(relay))
		return;
	int fd = unix_connect(daemon->relay_path);
	if (fd >= 0 && relay_attach(relay, fd))
		return;
	// Somebody has removed it, under a daemon that goes on: only another one can be reached.
	if (fd < 0 && errno == ENOENT)
		daemon_life_renew(keeper);
	// ECONNREFUSED: it is dying, which will be told.
	timer_start(&keeper->loop, &relay->timer, CONNECT_AGAIN_MS);
}

/** Either it is time to try again to connect, or a daemon that has closed the connection lives on. */
static void on_timer(struct timer *timer)
{
	struct relay *relay = timer->owner;
	struct keeper *keeper = relay->context;
	if (!relay->forsaken) {
		attach(keeper, relay);
		return;
	}
	keeper_log(keeper, "the daemon has closed connection %llu", (unsigned long long)relay->number);
	relay_drop_client(relay);
}

static void on_waits(struct relay *relay)
{
	struct keeper *keeper = relay->context;
	if (daemon_life_serving(keeper))
		attach(keeper, relay);
	else
		daemon_life_want(keeper);
}

static void on_sent(struct relay *relay)
{
	daemon_life_sent(relay->context);
}

static void on_answered(struct relay *relay)
{
	daemon_life_answered(relay->context);
}

static void on_forsaken(struct relay *relay)
{
	struct keeper *keeper = relay->context;
	// One that leaves closes everything.
	if (!daemon_life_serving(keeper))
		return;
	relay->forsaken = true;
	timer_start(&keeper->loop, &relay->timer, FORSAKEN_MS);
}

static void on_ended(struct relay *relay)
{
	struct keeper *keeper = relay->context;
	if (relay->previous)
		relay->previous->next = relay->next;
	else
		keeper->clients.first = relay->next;
	if (relay->next)
		relay->next->previous = relay->previous;
	relay_close(relay);
	free(relay);
}

static const struct relay_owner owner = {
	.waits = on_waits,
	.sent = on_sent,
	.answered = on_answered,
	.forsaken = on_forsaken,
	.ended = on_ended,
};

static void add_client(struct listener *listener, int fd)
{
	const struct namespace_socket *socket = listener->owner;
	struct keeper *keeper = socket->keeper;
	struct clients *clients = &keeper->clients;
	struct relay *relay = calloc(1, sizeof *relay);
	if (!relay) {
		close(fd);
		return;
	}
	relay->context = keeper;
	relay->timer.owner = relay;
	relay->timer.due = on_timer;
	if (relay_open(relay, &keeper->loop, &owner, fd, socket->name, ++clients->last_number) != 0) {
		free(relay);
		return;
	}
	relay->next = clients->first;
	if (relay->next)
		relay->next->previous = relay;
	clients->first = relay;
}

static int open_socket(struct namespace_socket *socket, struct failure *failure)
{
	if (listener_open(&socket->listener, &socket->keeper->loop, socket->path) != 0) {
		fail_errno(failure, "cannot listen on %s", socket->path);
		unlink(socket->path);
		return -1;
	}
	return 0;
}

static struct namespace_socket *find_socket(const struct clients *clients, const char *namespace_name)
{
	struct namespace_socket *socket = clients->sockets;
	while (socket && strcmp(socket->name, namespace_name) != 0)
		socket = socket->next;
	return socket;
}

int clients_listen(struct keeper *keeper, const char *namespace_name, char path[PATH_MAX], struct failure *failure)
{
	struct clients *clients = &keeper->clients;
	if (paths_namespace_socket(path, &keeper->paths, namespace_name, failure) != 0)
		return -1;
	struct namespace_socket *socket = find_socket(clients, namespace_name);
	// Somebody may have removed what he took for a dead socket.
	if (socket && access(path, F_OK) == 0)
		return 0;
	if (socket) {
		listener_close(&socket->listener);
		return open_socket(socket, failure);
	}
	socket = calloc(1, sizeof *socket);
	if (!socket)
		return fail_errno(failure, "cannot make a socket");
	socket->keeper = keeper;
	socket->listener.accepted = add_client;
	socket->listener.spares = SPARE_DESCRIPTORS;
	socket->listener.owner = socket;
	strcpy(socket->name, namespace_name);
	strcpy(socket->path, path);
	if (open_socket(socket, failure) != 0) {
		free(socket);
		return -1;
	}
	socket->next = clients->sockets;
	clients->sockets = socket;
	return 0;
}

/** Each of these may end the relay, so the next one is looked up before. */
static void for_each(struct keeper *keeper, void (*act)(struct keeper *keeper, struct relay *relay))
{
	struct relay *next;
	for (struct relay *relay = keeper->clients.first; relay; relay = next) {
		next = relay->next;
		act(keeper, relay);
	}
}

static void hold(struct keeper *keeper, struct relay *relay)
{
	(void)keeper;
	relay_hold(relay);
}

static void detach(struct keeper *keeper, struct relay *relay)
{
	timer_stop(&keeper->loop, &relay->timer);
	relay->forsaken = false;
	relay_detach(relay);
}

void clients_attach(struct keeper *keeper)
{
	for_each(keeper, attach);
}

void clients_hold(struct keeper *keeper)
{
	for_each(keeper, hold);
}

void clients_detach(struct keeper *keeper)
{
	for_each(keeper, detach);
}

void clients_refuse(struct keeper *keeper, const char *message)
{
	struct relay *next;
	for (struct relay *relay = keeper->clients.first; relay; relay = next) {
		next = relay->next;
		if (relay_needs_daemon(relay))
			relay_refuse(relay, message);
	}
}

struct clients_summary clients_summarize(const struct keeper *keeper)
{
	struct clients_summary summary = {0};
	for (const struct relay *relay = keeper->clients.first; relay; relay = relay->next) {
		summary.connections++;
		summary.requests += relay->kept.count;
		summary.unsent |= relay_has_unsent(relay);
		summary.raw |= relay->kind == RELAY_RAW && relay->client.fd >= 0;
		summary.needing |= relay_needs_daemon(relay);
	}
	return summary;
}

void clients_close_sockets(struct keeper *keeper)
{
	struct clients *clients = &keeper->clients;
	while (clients->sockets) {
		struct namespace_socket *socket = clients->sockets;
		clients->sockets = socket->next;
		unlink(socket->path);
		listener_close(&socket->listener);
		free(socket);
	}
}

void clients_close(struct keeper *keeper)
{
	while (keeper->clients.first)
		on_ended(keeper->clients.first);
}
