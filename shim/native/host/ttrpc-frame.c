#include "ttrpc-frame.h"

static void encode_u32(uint8_t *data, uint32_t value)
{
	data[0] = (uint8_t)(value >> 24);
	data[1] = (uint8_t)(value >> 16);
	data[2] = (uint8_t)(value >> 8);
	data[3] = (uint8_t)value;
}

static uint32_t decode_u32(const uint8_t *data)
{
	return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

void ttrpc_header_encode(uint8_t data[TTRPC_HEADER_SIZE], const struct ttrpc_header *header)
{
	encode_u32(data, header->size);
	encode_u32(data + 4, header->stream);
	data[8] = header->type;
	data[9] = header->flags;
}

void ttrpc_header_decode(const uint8_t data[TTRPC_HEADER_SIZE], struct ttrpc_header *header)
{
	header->size = decode_u32(data);
	header->stream = decode_u32(data + 4);
	header->type = data[8];
	header->flags = data[9];
}
