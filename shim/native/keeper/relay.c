#include "relay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "refusal.h"

#define PATIENT_MS 30000

/** The first byte tells: a ttrpc frame's is zero, and every HTTP/2 client begins with "PRI * HTTP/2.0". */
static void decide_kind(struct relay *relay)
{
	char first;
	ssize_t got = recv(relay->client.fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		relay_drop_client(relay);
		return;
	}
	relay->kind = first == 'P' ? RELAY_RAW : RELAY_FRAMES;
	// The first frame may be long in coming: the owner is asked when it is whole.
	if (relay->kind == RELAY_RAW)
		relay->owner->waits(relay);
	relay_settle(relay);
}

static void on_client(struct watch *watch, uint32_t events)
{
	struct relay *relay = watch->owner;
	switch (relay->kind) {
		case RELAY_UNDECIDED:
			decide_kind(relay);
			break;
		case RELAY_FRAMES:
			relay_frames_on_client(relay, events);
			break;
		case RELAY_RAW:
			relay_raw_on_client(relay, events);
			break;
	}
}

static void on_daemon(struct watch *watch, uint32_t events)
{
	struct relay *relay = watch->owner;
	if (relay->kind == RELAY_RAW)
		relay_raw_on_daemon(relay, events);
	else
		relay_frames_on_daemon(relay, events);
}

int relay_open(
	struct relay *relay, struct event_loop *loop, const struct relay_owner *owner, int client_fd,
	const char *namespace_name, uint64_t number)
{
	relay->loop = loop;
	relay->owner = owner;
	relay->namespace_name = namespace_name;
	relay->number = number;
	relay->client = (struct watch){.fd = -1, .ready = on_client, .owner = relay};
	relay->daemon = (struct watch){.fd = -1, .ready = on_daemon, .owner = relay};
	return watch_open(loop, &relay->client, client_fd, EPOLLIN);
}

bool relay_needs_daemon(const struct relay *relay)
{
	if (relay->client.fd < 0)
		return false;
	return relay->kind == RELAY_RAW || relay->kept.first;
}

bool relay_has_unsent(const struct relay *relay)
{
	return relay->unsent != NULL;
}

static struct frame *make_introduction(const struct relay *relay)
{
	char data[256];
	uint32_t last = relay->last_stream;
	// Those that follow come again: what was before them is below the first.
	if (relay->kept.first)
		last = relay->forgot ? relay->kept.first->stream - 1 : 0;
	size_t size = 0;
	size += (size_t)snprintf(data, sizeof data, "%s", relay->namespace_name) + 1;
	size += (size_t)snprintf(data + size, sizeof data - size, "%llu", (unsigned long long)relay->number) + 1;
	size += (size_t)snprintf(data + size, sizeof data - size, "%u", last) + 1;
	return frame_new(0, FRAME_INTRODUCTION, 0, data, size);
}

bool relay_attach(struct relay *relay, int daemon_fd)
{
	relay->introduction = make_introduction(relay);
	if (!relay->introduction) {
		close(daemon_fd);
		return false;
	}
	if (watch_open(relay->loop, &relay->daemon, daemon_fd, EPOLLIN) != 0) {
		free(relay->introduction);
		relay->introduction = NULL;
		return false;
	}
	relay->sent = 0;
	relay->unsent = relay->kept.first;
	relay->sending = true;
	if (relay->kind == RELAY_RAW)
		relay_raw_send(relay);
	else
		relay_frames_send(relay);
	relay_settle(relay);
	return true;
}

void relay_hold(struct relay *relay)
{
	relay->sending = false;
	relay_settle(relay);
}

/** Forgets the daemon's side; what has no answer is to be sent again. */
static void close_daemon(struct relay *relay)
{
	watch_close(&relay->daemon);
	relay->sending = false;
	free(relay->introduction);
	relay->introduction = NULL;
	relay->sent = 0;
	relay->unsent = relay->kept.first;
	relay->stuffed = false;
	frame_reader_reset(&relay->from_daemon);
}

static void close_client(struct relay *relay)
{
	watch_close(&relay->client);
	frame_reader_reset(&relay->from_client);
	frame_queue_clear(&relay->kept);
	relay->unsent = NULL;
	frame_output_clear(&relay->answers);
	relay->stuffed = false;
	free(relay->to_daemon.rest);
	free(relay->to_client.rest);
	relay->to_daemon.rest = relay->to_client.rest = NULL;
}

void relay_detach(struct relay *relay)
{
	if (relay->daemon.fd >= 0 && relay->kind == RELAY_FRAMES)
		relay_frames_drain(relay);
	if (relay->daemon.fd >= 0 && relay->kind == RELAY_RAW)
		close_client(relay);
	close_daemon(relay);
	relay_settle(relay);
}

bool relay_is_patient(const struct frame *request)
{
	return request->delivered_at && deadline_in_ms(-PATIENT_MS) > request->delivered_at;
}

/** Puts the answer to a request, which was taken out, into the client's queue. */
static void refuse_request(struct relay *relay, struct frame *request, enum refusal_code code, const char *message)
{
	struct frame *answer = refusal_new(request->stream, code, message);
	free(request);
	if (answer)
		frame_queue_push(&relay->answers.queue, answer);
}

/** Some of what no daemon has is answered. */
static void send_refusals(struct relay *relay)
{
	relay->unsent = relay->kept.first;
	relay->forgot = true;
	relay->full = false;
	if (relay->client.fd >= 0 && frame_output_flush(&relay->answers, relay->client.fd) == SEND_FAILED)
		close_client(relay);
	relay_settle(relay);
}

void relay_refuse_one(struct relay *relay, struct frame *request, const char *message)
{
	refuse_request(relay, frame_queue_take(&relay->kept, request->stream, NULL), REFUSED_INTERNAL, message);
	send_refusals(relay);
}

void relay_refuse(struct relay *relay, const char *message)
{
	if (relay->kind == RELAY_RAW)
		close_client(relay);
	struct frame_queue asked = relay->kept;
	relay->kept = (struct frame_queue){0};
	for (struct frame *frame = frame_queue_pop(&asked); frame; frame = frame_queue_pop(&asked)) {
		if (relay_is_patient(frame))
			frame_queue_push(&relay->kept, frame);
		else
			refuse_request(relay, frame, REFUSED_UNAVAILABLE, message);
	}
	send_refusals(relay);
}

void relay_drop_client(struct relay *relay)
{
	close_client(relay);
	relay->sending = false;
	// Not closed: what was sent is to be read by the daemon to its end, as it counts the requests that it has read.
	if (relay->daemon.fd >= 0 && relay->kind == RELAY_FRAMES)
		shutdown(relay->daemon.fd, SHUT_WR);
	else
		close_daemon(relay);
	relay_settle(relay);
}

void relay_close(struct relay *relay)
{
	timer_stop(relay->loop, &relay->timer);
	close_client(relay);
	close_daemon(relay);
}

static uint32_t client_events(const struct relay *relay)
{
	if (relay->kind == RELAY_RAW)
		return (relay->sending && !relay->introduction && !relay->to_daemon.rest && !relay->to_daemon.ended ? EPOLLIN
																											: 0U) |
			   (relay->to_client.rest ? EPOLLOUT : 0U);
	bool reads = !relay->client_finished && !relay->full && relay->answers.queue.bytes < RELAY_BUFFER_MAX;
	return (reads ? EPOLLIN : 0U) | (relay->answers.queue.first ? EPOLLOUT : 0U);
}

static uint32_t daemon_events(const struct relay *relay)
{
	uint32_t events = relay->sending && relay->introduction ? EPOLLOUT : 0U;
	if (relay->kind == RELAY_RAW)
		return events | (relay->to_client.rest || relay->to_client.ended ? 0U : EPOLLIN) |
			   (relay->sending && relay->to_daemon.rest ? EPOLLOUT : 0U);
	return events | (relay->stuffed ? 0U : EPOLLIN) | (relay->sending && relay->unsent ? EPOLLOUT : 0U);
}

/** Half-closed, and nothing left that it could be waiting for. */
static bool client_is_served(const struct relay *relay)
{
	if (relay->client.fd < 0)
		return false;
	if (relay->kind == RELAY_RAW)
		return relay->to_client.shut && relay->to_daemon.shut;
	return relay->client_finished && !relay->kept.first && !relay->answers.queue.first;
}

void relay_settle(struct relay *relay)
{
	if (client_is_served(relay)) {
		relay_drop_client(relay);
		return;
	}
	if (relay->client.fd < 0 && relay->daemon.fd < 0) {
		relay->owner->ended(relay);
		return;
	}
	watch_events(&relay->client, client_events(relay));
	watch_events(&relay->daemon, daemon_events(relay));
}
