#include "refusal.h"

#include "host/proto-writer.h"
#include "host/ttrpc-frame.h"

#include <stdio.h>
#include <string.h>

#define MESSAGE_MAX 1024

enum { RESPONSE_STATUS = 1 };
enum { STATUS_CODE = 1, STATUS_MESSAGE = 2 };

struct frame *refusal_new(uint32_t stream, enum refusal_code code, const char *message)
{
	uint8_t status_data[MESSAGE_MAX + 32];
	uint8_t data[sizeof status_data + 16];
	struct proto_writer status;
	struct proto_writer response;
	proto_writer_init(&status, status_data, sizeof status_data);
	proto_write_varint_field(&status, STATUS_CODE, (uint64_t)code);
	proto_write_bytes_field(&status, STATUS_MESSAGE, (const uint8_t *)message, strnlen(message, MESSAGE_MAX));
	proto_writer_init(&response, data, sizeof data);
	proto_write_bytes_field(&response, RESPONSE_STATUS, status_data, status.used);
	return frame_new(stream, TTRPC_RESPONSE, 0, data, response.used);
}

struct frame *refusal_of_oversize(uint32_t stream, uint32_t size)
{
	char text[128];
	snprintf(text, sizeof text, "message length %u exceed maximum message size of %u", size, TTRPC_DATA_MAX);
	return refusal_new(stream, REFUSED_RESOURCE_EXHAUSTED, text);
}
