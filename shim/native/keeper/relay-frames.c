#include "relay.h"

#include "refusal.h"

#include <stdlib.h>
#include <sys/epoll.h>

// As many frames at a time; then it is the others' turn.
#define FRAMES_AT_ONCE 16

/** Puts an answer into the client's queue. */
static void answer(struct relay *relay, struct frame *frame)
{
	if (frame)
		frame_queue_push(&relay->answers.queue, frame);
}

/** Gives the client what it takes. False: it is gone. */
static bool flush(struct relay *relay)
{
	size_t before = relay->answers.queue.bytes;
	bool there = frame_output_flush(&relay->answers, relay->client.fd) != SEND_FAILED;
	if (relay->answers.queue.bytes < before)
		relay->stuffed = false;
	return there;
}

void relay_frames_send(struct relay *relay)
{
	if (!relay->sending)
		return;
	if (relay->introduction) {
		if (frame_send(relay->introduction, &relay->sent, relay->daemon.fd) != SEND_DONE)
			return;
		free(relay->introduction);
		relay->introduction = NULL;
		relay->sent = 0;
	}
	while (relay->unsent) {
		enum send_result result = frame_send(relay->unsent, &relay->sent, relay->daemon.fd);
		// A daemon that is gone may have left answers: reading tells its end.
		if (result == SEND_FAILED)
			relay->sending = false;
		if (result != SEND_DONE)
			return;
		if (!relay->unsent->delivered_at)
			relay->unsent->delivered_at = deadline_in_ms(0);
		relay->unsent = relay->unsent->next;
		relay->sent = 0;
		relay->owner->sent(relay);
	}
}

/** What the header alone says against a frame, in the words of Go's server; NULL: nothing. */
static const char *objection(const struct relay *relay, const struct ttrpc_header *header)
{
	if (header->stream % 2 != 1)
		return "StreamID must be odd for client initiated streams";
	// Only streaming calls take data, and no method is one.
	if (header->type == TTRPC_DATA)
		return "StreamID is no longer active";
	if (header->stream <= relay->last_stream)
		return "StreamID cannot be re-used and must increment";
	return NULL;
}

/** A whole frame of the client's; those of unknown types are ignored, as Go's server does. */
static void take_request(struct relay *relay, struct frame *frame)
{
	const struct ttrpc_header *header = &relay->from_client.header;
	if (header->type != TTRPC_REQUEST && header->type != TTRPC_DATA) {
		free(frame);
		return;
	}
	const char *why = objection(relay, header);
	if (why) {
		answer(relay, refusal_new(header->stream, REFUSED_INVALID_ARGUMENT, why));
		free(frame);
		return;
	}
	relay->last_stream = header->stream;
	frame_queue_push(&relay->kept, frame);
	if (!relay->unsent)
		relay->unsent = frame;
	if (!relay->sending)
		relay->owner->waits(relay);
}

/** False: the client is gone. */
static bool read_client(struct relay *relay)
{
	// A client that takes no answers, and goes on asking what the keeper itself answers, has to wait too.
	for (int i = 0; i < FRAMES_AT_ONCE && relay->answers.queue.bytes < RELAY_BUFFER_MAX; i++) {
		struct frame *frame = NULL;
		const struct ttrpc_header *header = &relay->from_client.header;
		switch (
			frame_reader_read(&relay->from_client, relay->client.fd, RELAY_BUFFER_MAX - relay->kept.bytes, &frame)) {
			case READ_WHOLE:
				take_request(relay, frame);
				break;
			case READ_OVERSIZE:
				if (header->type == TTRPC_REQUEST || header->type == TTRPC_DATA)
					answer(relay, refusal_of_oversize(header->stream, header->size));
				break;
			case READ_NO_ROOM:
				relay->full = true;
				return true;
			case READ_BLOCKED:
				return true;
			case READ_ENDED:
				relay->client_finished = true;
				return true;
			case READ_FAILED:
				return false;
		}
	}
	return true;
}

void relay_frames_on_client(struct relay *relay, uint32_t events)
{
	bool there = !(events & (EPOLLHUP | EPOLLERR));
	if (there && (events & EPOLLIN))
		there = read_client(relay);
	if (there)
		there = flush(relay);
	if (!there) {
		relay_drop_client(relay);
		return;
	}
	relay_frames_send(relay);
	relay_settle(relay);
}

/** A whole frame of the daemon's: the answer to a request that it was sent, or nothing to anybody. */
static void take_answer(struct relay *relay, uint32_t stream, uint8_t type, struct frame *frame)
{
	struct frame *request = type == TTRPC_RESPONSE ? frame_queue_take(&relay->kept, stream, relay->unsent) : NULL;
	if (!request) {
		free(frame);
		return;
	}
	free(request);
	relay->forgot = true;
	relay->full = false;
	answer(relay, frame);
	relay->owner->answered(relay);
}

static enum frame_read read_daemon(struct relay *relay, size_t limit)
{
	const struct ttrpc_header *header = &relay->from_daemon.header;
	struct frame *frame = NULL;
	size_t held = relay->answers.queue.bytes;
	enum frame_read result =
		frame_reader_read(&relay->from_daemon, relay->daemon.fd, held < limit ? limit - held : 0, &frame);
	if (result == READ_WHOLE)
		take_answer(relay, header->stream, header->type, frame);
	if (result == READ_OVERSIZE)
		take_answer(relay, header->stream, header->type, refusal_of_oversize(header->stream, header->size));
	if (result == READ_NO_ROOM)
		relay->stuffed = true;
	return result;
}

void relay_frames_drain(struct relay *relay)
{
	// Without a limit: it is no more than what a socket holds, and the rest of a frame.
	enum frame_read result;
	do {
		result = read_daemon(relay, SIZE_MAX);
	} while (result == READ_WHOLE || result == READ_OVERSIZE);
	if (relay->client.fd >= 0 && !flush(relay))
		relay_drop_client(relay);
}

void relay_frames_on_daemon(struct relay *relay, uint32_t events)
{
	bool hung = events & (EPOLLHUP | EPOLLERR);
	enum frame_read result = READ_WHOLE;
	relay_frames_send(relay);
	for (int i = 0; i < FRAMES_AT_ONCE && (hung || (events & EPOLLIN)); i++) {
		result = read_daemon(relay, hung ? SIZE_MAX : RELAY_BUFFER_MAX);
		if (result != READ_WHOLE && result != READ_OVERSIZE)
			break;
	}
	if (relay->client.fd >= 0 && !flush(relay)) {
		relay_drop_client(relay);
		return;
	}
	if (result == READ_ENDED || result == READ_FAILED) {
		watch_close(&relay->daemon);
		relay->sending = false;
		if (relay->client.fd >= 0)
			relay->owner->forsaken(relay);
	}
	relay_settle(relay);
}
