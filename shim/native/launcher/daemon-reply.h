#ifndef LXCRI_DAEMON_REPLY_H
#define LXCRI_DAEMON_REPLY_H

#include "host/failure.h"
#include "host/ttrpc-frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLY_BODY_MAX 16384

enum reply_state { REPLY_INCOMPLETE, REPLY_COMPLETE, REPLY_MALFORMED };

/**
 * Takes the bytes of a connection, in whatever pieces they come, up to the response on our stream. Frames of other
 * streams and types are passed over. Pure, so that a fuzzer can drive it.
 */
struct reply_reader {
	uint8_t header_data[TTRPC_HEADER_SIZE];
	size_t header_used;
	uint32_t frame_left; // how much of the current frame's data is still to come
	bool is_response;    // whether that frame is the one that is waited for
	uint8_t body[REPLY_BODY_MAX];
	size_t body_used;
};

void reply_reader_init(struct reply_reader *reader);
enum reply_state reply_reader_feed(struct reply_reader *reader, const uint8_t *data, size_t size);

/** A ttrpc Response that has been read: either a status other than 0 with its message, or a DeleteResponse. */
struct daemon_reply {
	uint32_t status;
	const uint8_t *message;
	size_t message_size;
	const uint8_t *delete_response;
	size_t delete_response_size;
};

/** Points into the body. False where the body is no Response, or its payload no DeleteResponse. */
bool daemon_reply_parse(const uint8_t *body, size_t size, struct daemon_reply *reply);

#endif
