#ifndef LXCRI_FRAME_READER_H
#define LXCRI_FRAME_READER_H

#include "frame.h"
#include "host/ttrpc-frame.h"

enum frame_read {
	READ_WHOLE,    // *frame is one, and the caller's
	READ_OVERSIZE, // a frame of more than TTRPC_DATA_MAX went by; reader->header is its header
	READ_BLOCKED,  // nothing more to be read now
	READ_NO_ROOM,  // the next frame needs more room; its header was read
	READ_ENDED,    // the peer sends nothing more; what there is of a frame is worth nothing
	READ_FAILED    // the connection is broken, no ttrpc is spoken there, or there is no memory
};

/**
 * Takes whole frames from a socket, and never a byte beyond: what was not asked for stays in the socket, which is how
 * the peer learns to wait. Between frames there is no buffer. All zero: the start.
 */
struct frame_reader {
	struct ttrpc_header header; // of the current frame
	uint8_t header_bytes[TTRPC_HEADER_SIZE];
	uint8_t header_used;
	struct frame *frame; // the current one, with all of its memory
	size_t used;         // how much of its data has come, or has been passed over
};

/** Reads one frame of at most `room` bytes, header and data; one of TTRPC_DATA_MAX must fit at times. */
enum frame_read frame_reader_read(struct frame_reader *reader, int fd, size_t room, struct frame **frame);

/** Takes a frame over. False: that is enough for now. */
typedef bool frame_taker(void *context, struct frame *frame);

/** Reads all frames that are there, without a limit of their size. False: nothing more will come. */
bool frame_reader_read_all(struct frame_reader *reader, int fd, frame_taker *take, void *context);

/** Whether a frame has begun and is not whole. */
bool frame_reader_is_inside(const struct frame_reader *reader);

/** Forgets what has come of a frame: the start again. */
void frame_reader_reset(struct frame_reader *reader);

#endif
