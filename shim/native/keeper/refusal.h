#ifndef LXCRI_REFUSAL_H
#define LXCRI_REFUSAL_H

#include "frame.h"

/** gRPC's codes, as far as the keeper itself answers with them. */
enum refusal_code {
	REFUSED_INVALID_ARGUMENT = 3,
	REFUSED_RESOURCE_EXHAUSTED = 8,
	REFUSED_INTERNAL = 13,
	REFUSED_UNAVAILABLE = 14
};

/** The frame of a ttrpc Response with a status and no payload. The message is cut where it is very long. */
struct frame *refusal_new(uint32_t stream, enum refusal_code code, const char *message);

/** That a frame's data is larger than ttrpc allows, in the words of containerd's Go code. */
struct frame *refusal_of_oversize(uint32_t stream, uint32_t size);

#endif
