#include "frame.h"

#include "host/ttrpc-frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

uint8_t *frame_data(struct frame *frame)
{
	return frame->bytes + TTRPC_HEADER_SIZE;
}

size_t frame_data_size(const struct frame *frame)
{
	return frame->size - TTRPC_HEADER_SIZE;
}

struct frame *frame_new(uint32_t stream, uint8_t type, uint8_t flags, const void *data, size_t size)
{
	struct frame *frame = malloc(sizeof *frame + TTRPC_HEADER_SIZE + size);
	if (!frame)
		return NULL;
	*frame = (struct frame){.stream = stream, .type = type, .size = TTRPC_HEADER_SIZE + size};
	const struct ttrpc_header header = {.size = (uint32_t)size, .stream = stream, .type = type, .flags = flags};
	ttrpc_header_encode(frame->bytes, &header);
	if (data && size > 0)
		memcpy(frame_data(frame), data, size);
	return frame;
}

void frame_queue_push(struct frame_queue *queue, struct frame *frame)
{
	frame->next = NULL;
	if (queue->last)
		queue->last->next = frame;
	else
		queue->first = frame;
	queue->last = frame;
	queue->count++;
	queue->bytes += frame->size;
}

static struct frame *take_after(struct frame_queue *queue, struct frame *previous)
{
	struct frame *frame = previous ? previous->next : queue->first;
	if (previous)
		previous->next = frame->next;
	else
		queue->first = frame->next;
	if (queue->last == frame)
		queue->last = previous;
	queue->count--;
	queue->bytes -= frame->size;
	frame->next = NULL;
	return frame;
}

struct frame *frame_queue_pop(struct frame_queue *queue)
{
	return queue->first ? take_after(queue, NULL) : NULL;
}

struct frame *frame_queue_take(struct frame_queue *queue, uint32_t stream, const struct frame *end)
{
	struct frame *previous = NULL;
	for (struct frame *frame = queue->first; frame && frame != end; previous = frame, frame = frame->next) {
		if (frame->stream == stream)
			return take_after(queue, previous);
	}
	return NULL;
}

void frame_queue_clear(struct frame_queue *queue)
{
	while (queue->first)
		free(frame_queue_pop(queue));
}

enum send_result frame_send(const struct frame *frame, size_t *sent, int fd)
{
	while (*sent < frame->size) {
		ssize_t count = send(fd, frame->bytes + *sent, frame->size - *sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (count >= 0)
			*sent += (size_t)count;
		else if (errno == EAGAIN)
			return SEND_BLOCKED;
		else if (errno != EINTR)
			return SEND_FAILED;
	}
	return SEND_DONE;
}

enum send_result frame_output_flush(struct frame_output *output, int fd)
{
	while (output->queue.first) {
		enum send_result result = frame_send(output->queue.first, &output->sent, fd);
		if (result != SEND_DONE)
			return result;
		free(frame_queue_pop(&output->queue));
		output->sent = 0;
	}
	return SEND_DONE;
}

void frame_output_clear(struct frame_output *output)
{
	frame_queue_clear(&output->queue);
	output->sent = 0;
}
