#ifndef LXCRI_CLIENTS_H
#define LXCRI_CLIENTS_H

#include "event-loop.h"
#include "host/failure.h"
#include "host/identifier.h"
#include "listener.h"
#include "relay.h"

#include <limits.h>

struct keeper;

/** The socket of one namespace. containerd 1.6 does not say in which namespace a call is: the socket does. */
struct namespace_socket {
	struct namespace_socket *next;
	struct keeper *keeper;
	struct listener listener;
	char name[IDENTIFIER_MAX_LENGTH + 1];
	char path[PATH_MAX];
};

/** All connections of clients, and where they come in. */
struct clients {
	struct namespace_socket *sockets;
	struct relay *first;
	uint64_t last_number;
};

/** Makes sure that a namespace has its socket, and puts its path into `path`. */
int clients_listen(struct keeper *keeper, const char *namespace_name, char path[PATH_MAX], struct failure *failure);

/** A daemon serves: connects those that need one. */
void clients_attach(struct keeper *keeper);

/** The daemon admits no more. */
void clients_hold(struct keeper *keeper);

/** The daemon is dead. */
void clients_detach(struct keeper *keeper);

/** There will be no daemon: answers every request with Unavailable. */
void clients_refuse(struct keeper *keeper, const char *message);

struct clients_summary {
	size_t connections;
	size_t requests; // without an answer
	bool unsent;     // something that the daemon was not sent
	bool raw;        // a connection that ends with its daemon
	bool needing;    // something that only a daemon can do
};

struct clients_summary clients_summarize(const struct keeper *keeper);

/** Accepts no more, and removes the sockets. */
void clients_close_sockets(struct keeper *keeper);

/** Closes every connection. */
void clients_close(struct keeper *keeper);

#endif
