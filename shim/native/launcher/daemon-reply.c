#include "daemon-reply.h"

#include "daemon-request.h"
#include "delete-response.h"
#include "proto-reader.h"

#include <string.h>

enum { RESPONSE_STATUS = 1, RESPONSE_PAYLOAD = 2 };
enum { STATUS_CODE = 1, STATUS_MESSAGE = 2 };

void reply_reader_init(struct reply_reader *reader)
{
	memset(reader, 0, sizeof *reader);
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/** Takes header bytes; once there are all ten, decides what to do with the frame. False: nobody speaks ttrpc there. */
static bool take_header(struct reply_reader *reader, const uint8_t *data, size_t size)
{
	memcpy(reader->header_data + reader->header_used, data, size);
	reader->header_used += size;
	if (reader->header_used < TTRPC_HEADER_SIZE)
		return true;
	struct ttrpc_header header;
	ttrpc_header_decode(reader->header_data, &header);
	reader->is_response = header.type == TTRPC_RESPONSE && header.stream == DAEMON_CALL_STREAM;
	reader->frame_left = header.size;
	return header.size <= (reader->is_response ? REPLY_BODY_MAX : TTRPC_DATA_MAX);
}

enum reply_state reply_reader_feed(struct reply_reader *reader, const uint8_t *data, size_t size)
{
	for (;;) {
		if (reader->header_used < TTRPC_HEADER_SIZE) {
			if (size == 0)
				return REPLY_INCOMPLETE;
			size_t part = smaller(size, TTRPC_HEADER_SIZE - reader->header_used);
			if (!take_header(reader, data, part))
				return REPLY_MALFORMED;
			data += part;
			size -= part;
			if (reader->header_used < TTRPC_HEADER_SIZE)
				return REPLY_INCOMPLETE;
		}
		size_t part = smaller(size, reader->frame_left);
		if (reader->is_response && part > 0) {
			memcpy(reader->body + reader->body_used, data, part);
			reader->body_used += part;
		}
		data += part;
		size -= part;
		reader->frame_left -= (uint32_t)part;
		if (reader->frame_left > 0)
			return REPLY_INCOMPLETE;
		if (reader->is_response)
			return REPLY_COMPLETE;
		reader->header_used = 0;
	}
}

static bool parse_status(const struct proto_field *status, struct daemon_reply *reply)
{
	struct proto_reader reader;
	struct proto_field field;
	proto_reader_init(&reader, status->bytes, status->size);
	while (proto_read_field(&reader, &field)) {
		if (field.number == STATUS_CODE && field.wire == PROTO_VARINT)
			reply->status = (uint32_t)field.value;
		if (field.number == STATUS_MESSAGE && field.wire == PROTO_BYTES) {
			reply->message = field.bytes;
			reply->message_size = field.size;
		}
	}
	return !reader.malformed;
}

bool daemon_reply_parse(const uint8_t *body, size_t size, struct daemon_reply *reply)
{
	struct proto_reader reader;
	struct proto_field field;
	*reply = (struct daemon_reply){0};
	proto_reader_init(&reader, body, size);
	while (proto_read_field(&reader, &field)) {
		if (field.number != RESPONSE_STATUS && field.number != RESPONSE_PAYLOAD)
			continue;
		if (field.wire != PROTO_BYTES)
			return false;
		if (field.number == RESPONSE_STATUS) {
			if (!parse_status(&field, reply))
				return false;
		} else {
			reply->delete_response = field.bytes;
			reply->delete_response_size = field.size;
		}
	}
	if (reader.malformed)
		return false;
	return reply->status != 0 || delete_response_is_valid(reply->delete_response, reply->delete_response_size);
}
