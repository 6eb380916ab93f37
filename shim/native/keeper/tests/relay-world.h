/* A relay between two sockets of the test: no client, no daemon, only what they would say. */
#ifndef LXCRI_TESTS_RELAY_WORLD_H
#define LXCRI_TESTS_RELAY_WORLD_H

#include "relay.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct relay_world {
	struct event_loop loop;
	struct relay relay;
	int client; // the client's end; -1: closed
	int daemon; // the daemon's end; -1: there is none
	bool ended;
	unsigned waits;
	unsigned sent;
	unsigned answered;
	unsigned forsaken;
};

static inline void world_waits(struct relay *relay)
{
	((struct relay_world *)relay->context)->waits++;
}

static inline void world_sent(struct relay *relay)
{
	((struct relay_world *)relay->context)->sent++;
}

static inline void world_answered(struct relay *relay)
{
	((struct relay_world *)relay->context)->answered++;
}

static inline void world_forsaken(struct relay *relay)
{
	((struct relay_world *)relay->context)->forsaken++;
}

static inline void world_ended(struct relay *relay)
{
	((struct relay_world *)relay->context)->ended = true;
	relay_close(relay);
}

static const struct relay_owner world_owner = {
	.waits = world_waits,
	.sent = world_sent,
	.answered = world_answered,
	.forsaken = world_forsaken,
	.ended = world_ended,
};

static inline void world_pair(int ends[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
		abort();
}

static inline void world_open(struct relay_world *world)
{
	int ends[2];
	*world = (struct relay_world){.daemon = -1};
	world_pair(ends);
	world->client = ends[1];
	world->relay.context = world;
	if (event_loop_open(&world->loop) != 0 ||
		relay_open(&world->relay, &world->loop, &world_owner, ends[0], "default", 7) != 0)
		abort();
}

/** Lets all happen that can happen now. What never comes to rest would take a whole processor. */
static inline void world_settle(struct relay_world *world)
{
	for (int i = 0; !world->ended && event_loop_step(&world->loop, 0); i++) {
		if (i == 5000)
			abort();
	}
}

static inline void world_attach(struct relay_world *world)
{
	int ends[2];
	world_pair(ends);
	world->daemon = ends[1];
	if (!relay_attach(&world->relay, ends[0]))
		abort();
}

static inline void world_close(struct relay_world *world)
{
	if (!world->ended)
		relay_close(&world->relay);
	event_loop_close(&world->loop);
	if (world->client >= 0)
		close(world->client);
	if (world->daemon >= 0)
		close(world->daemon);
}

#endif
