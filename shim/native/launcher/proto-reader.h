#ifndef LXCRI_PROTO_READER_H
#define LXCRI_PROTO_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Walks over the fields of a protobuf message that somebody else made: trusts no length in it. */
struct proto_reader {
	const uint8_t *data;
	size_t size;
	size_t position;
	bool malformed;
};

enum proto_wire { PROTO_VARINT = 0, PROTO_FIXED64 = 1, PROTO_BYTES = 2, PROTO_FIXED32 = 5 };

struct proto_field {
	uint32_t number;
	enum proto_wire wire;
	uint64_t value;       // of a varint or fixed field
	const uint8_t *bytes; // of a bytes field; points into the message
	size_t size;
};

void proto_reader_init(struct proto_reader *reader, const uint8_t *data, size_t size);

/** The next field; false at the end, or where the message is malformed, which then says so. */
bool proto_read_field(struct proto_reader *reader, struct proto_field *field);

#endif
