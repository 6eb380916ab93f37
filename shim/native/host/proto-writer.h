#ifndef LXCRI_PROTO_WRITER_H
#define LXCRI_PROTO_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Writes protobuf fields one after the other into a fixed buffer. What does not fit sets `overflow`, which is looked
 * at once, at the end. As proto3 wants it, zero and empty values are left out, except for embedded messages.
 */
struct proto_writer {
	uint8_t *data;
	size_t size;
	size_t used;
	bool overflow;
};

void proto_writer_init(struct proto_writer *writer, uint8_t *data, size_t size);
void proto_write_varint_field(struct proto_writer *writer, uint32_t field, uint64_t value);
void proto_write_string_field(struct proto_writer *writer, uint32_t field, const char *value);

/** An embedded message, or bytes; written even when empty. */
void proto_write_bytes_field(struct proto_writer *writer, uint32_t field, const uint8_t *value, size_t size);

#endif
