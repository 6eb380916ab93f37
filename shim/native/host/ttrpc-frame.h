#ifndef LXCRI_TTRPC_FRAME_H
#define LXCRI_TTRPC_FRAME_H

#include <stdint.h>

#define TTRPC_HEADER_SIZE 10
#define TTRPC_DATA_MAX (4U * 1024 * 1024)

enum { TTRPC_REQUEST = 1, TTRPC_RESPONSE = 2, TTRPC_DATA = 3 };

/** What stands before each ttrpc message: all numbers big-endian. */
struct ttrpc_header {
	uint32_t size;
	uint32_t stream;
	uint8_t type;
	uint8_t flags;
};

void ttrpc_header_encode(uint8_t data[TTRPC_HEADER_SIZE], const struct ttrpc_header *header);
void ttrpc_header_decode(const uint8_t data[TTRPC_HEADER_SIZE], struct ttrpc_header *header);

#endif
