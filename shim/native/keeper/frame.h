#ifndef LXCRI_FRAME_H
#define LXCRI_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/deadline.h"

/** A whole frame as it is on the wire, or one that is coming in. */
struct frame {
	struct frame *next;
	uint32_t stream;
	uint8_t type;
	deadline delivered_at; // to some daemon, as a whole; 0: never
	unsigned crashes;      // of daemons that had it
	size_t size;           // header and data
	uint8_t bytes[];
};

/** The bytes of the data, behind the header. */
uint8_t *frame_data(struct frame *frame);
size_t frame_data_size(const struct frame *frame);

/** A frame with room for so much data, with its header filled in; `data` NULL: still to be written. NULL: no memory. */
struct frame *frame_new(uint32_t stream, uint8_t type, uint8_t flags, const void *data, size_t size);

/** Frames in their order; owns them. All zero: empty. */
struct frame_queue {
	struct frame *first;
	struct frame *last;
	size_t count;
	size_t bytes; // of all frames
};

void frame_queue_push(struct frame_queue *queue, struct frame *frame);

/** Takes the first one out. NULL: empty. */
struct frame *frame_queue_pop(struct frame_queue *queue);

/** Takes out the frame of a stream if it is before `end`. NULL: it is not there. */
struct frame *frame_queue_take(struct frame_queue *queue, uint32_t stream, const struct frame *end);

void frame_queue_clear(struct frame_queue *queue);

enum send_result { SEND_DONE, SEND_BLOCKED, SEND_FAILED };

/** Sends one frame from offset *sent on. */
enum send_result frame_send(const struct frame *frame, size_t *sent, int fd);

/** Frames on their way out by one socket. All zero: none. */
struct frame_output {
	struct frame_queue queue;
	size_t sent; // of the first frame
};

/** Sends as much as the socket takes, and frees what is sent. */
enum send_result frame_output_flush(struct frame_output *output, int fd);

void frame_output_clear(struct frame_output *output);

#endif
