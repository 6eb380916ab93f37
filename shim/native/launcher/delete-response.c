#include "delete-response.h"

#include "host/proto-writer.h"
#include "proto-reader.h"

enum { FIELD_PID = 1, FIELD_EXIT_STATUS = 2, FIELD_EXITED_AT = 3 };
enum { TIMESTAMP_SECONDS = 1, TIMESTAMP_NANOS = 2 };

size_t delete_response_encode(
	uint8_t data[DELETE_RESPONSE_SIZE], uint32_t pid, uint32_t exit_status, const struct timespec *exited_at)
{
	uint8_t timestamp_data[24];
	struct proto_writer timestamp;
	proto_writer_init(&timestamp, timestamp_data, sizeof timestamp_data);
	proto_write_varint_field(&timestamp, TIMESTAMP_SECONDS, (uint64_t)exited_at->tv_sec);
	proto_write_varint_field(&timestamp, TIMESTAMP_NANOS, (uint64_t)exited_at->tv_nsec);

	struct proto_writer response;
	proto_writer_init(&response, data, DELETE_RESPONSE_SIZE);
	proto_write_varint_field(&response, FIELD_PID, pid);
	proto_write_varint_field(&response, FIELD_EXIT_STATUS, exit_status);
	proto_write_bytes_field(&response, FIELD_EXITED_AT, timestamp_data, timestamp.used);
	return response.used;
}

static bool is_valid_timestamp(const uint8_t *data, size_t size)
{
	struct proto_reader reader;
	struct proto_field field;
	proto_reader_init(&reader, data, size);
	while (proto_read_field(&reader, &field)) {
		if ((field.number == TIMESTAMP_SECONDS || field.number == TIMESTAMP_NANOS) && field.wire != PROTO_VARINT)
			return false;
	}
	return !reader.malformed;
}

bool delete_response_is_valid(const uint8_t *data, size_t size)
{
	struct proto_reader reader;
	struct proto_field field;
	proto_reader_init(&reader, data, size);
	while (proto_read_field(&reader, &field)) {
		bool is_number = field.number == FIELD_PID || field.number == FIELD_EXIT_STATUS;
		if (is_number && field.wire != PROTO_VARINT)
			return false;
		if (field.number == FIELD_EXITED_AT &&
			(field.wire != PROTO_BYTES || !is_valid_timestamp(field.bytes, field.size)))
			return false;
	}
	return !reader.malformed;
}
