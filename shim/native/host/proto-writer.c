#include "proto-writer.h"

#include <string.h>

enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

void proto_writer_init(struct proto_writer *writer, uint8_t *data, size_t size)
{
	*writer = (struct proto_writer){.data = data, .size = size};
}

static void write_raw(struct proto_writer *writer, const void *value, size_t size)
{
	if (writer->overflow || size > writer->size - writer->used) {
		writer->overflow = true;
		return;
	}
	if (size > 0)
		memcpy(writer->data + writer->used, value, size);
	writer->used += size;
}

static void write_varint(struct proto_writer *writer, uint64_t value)
{
	uint8_t bytes[10];
	size_t count = 0;
	do {
		bytes[count] = (uint8_t)(value & 0x7f);
		value >>= 7;
		if (value)
			bytes[count] |= 0x80;
		count++;
	} while (value);
	write_raw(writer, bytes, count);
}

void proto_write_varint_field(struct proto_writer *writer, uint32_t field, uint64_t value)
{
	if (value == 0)
		return;
	write_varint(writer, ((uint64_t)field << 3) | WIRE_VARINT);
	write_varint(writer, value);
}

void proto_write_bytes_field(struct proto_writer *writer, uint32_t field, const uint8_t *value, size_t size)
{
	write_varint(writer, ((uint64_t)field << 3) | WIRE_BYTES);
	write_varint(writer, size);
	write_raw(writer, value, size);
}

void proto_write_string_field(struct proto_writer *writer, uint32_t field, const char *value)
{
	if (*value)
		proto_write_bytes_field(writer, field, (const uint8_t *)value, strlen(value));
}
