#include "proto-reader.h"

#define FIELD_NUMBER_MAX ((1U << 29) - 1)

void proto_reader_init(struct proto_reader *reader, const uint8_t *data, size_t size)
{
	*reader = (struct proto_reader){.data = data, .size = size};
}

static size_t left(const struct proto_reader *reader)
{
	return reader->size - reader->position;
}

static bool read_varint(struct proto_reader *reader, uint64_t *value)
{
	*value = 0;
	for (unsigned shift = 0; shift < 70; shift += 7) {
		if (left(reader) == 0)
			return false;
		uint8_t byte = reader->data[reader->position++];
		// The tenth byte has room for the 64th bit only.
		if (shift == 63 && byte > 1)
			return false;
		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return true;
	}
	return false;
}

static bool read_fixed(struct proto_reader *reader, size_t width, uint64_t *value)
{
	if (left(reader) < width)
		return false;
	*value = 0;
	for (size_t i = 0; i < width; i++)
		*value |= (uint64_t)reader->data[reader->position + i] << (8 * i);
	reader->position += width;
	return true;
}

static bool read_bytes(struct proto_reader *reader, struct proto_field *field)
{
	uint64_t size;
	if (!read_varint(reader, &size) || size > left(reader))
		return false;
	field->bytes = reader->data + reader->position;
	field->size = (size_t)size;
	reader->position += field->size;
	return true;
}

static bool read_value(struct proto_reader *reader, struct proto_field *field)
{
	switch (field->wire) {
		case PROTO_VARINT:
			return read_varint(reader, &field->value);
		case PROTO_FIXED64:
			return read_fixed(reader, 8, &field->value);
		case PROTO_BYTES:
			return read_bytes(reader, field);
		case PROTO_FIXED32:
			return read_fixed(reader, 4, &field->value);
	}
	// Groups (3 and 4), which proto3 has not, and 6 and 7, which nothing has.
	return false;
}

bool proto_read_field(struct proto_reader *reader, struct proto_field *field)
{
	if (reader->malformed || left(reader) == 0)
		return false;
	uint64_t key;
	*field = (struct proto_field){0};
	if (read_varint(reader, &key) && key >> 3 >= 1 && key >> 3 <= FIELD_NUMBER_MAX) {
		field->number = (uint32_t)(key >> 3);
		field->wire = (enum proto_wire)(key & 7);
		if (read_value(reader, field))
			return true;
	}
	reader->malformed = true;
	return false;
}
