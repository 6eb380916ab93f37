#include "frame-reader.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/** READ_WHOLE: all `size` bytes are there. */
static enum frame_read receive(int fd, uint8_t *data, size_t size, size_t *used)
{
	while (*used < size) {
		ssize_t got = recv(fd, data + *used, size - *used, MSG_DONTWAIT);
		if (got > 0)
			*used += (size_t)got;
		else if (got == 0)
			return READ_ENDED;
		else if (errno == EAGAIN)
			return READ_BLOCKED;
		else if (errno == ECONNRESET)
			return READ_ENDED;
		else if (errno != EINTR)
			return READ_FAILED;
	}
	return READ_WHOLE;
}

static enum frame_read read_header(struct frame_reader *reader, int fd)
{
	size_t used = reader->header_used;
	enum frame_read result = receive(fd, reader->header_bytes, TTRPC_HEADER_SIZE, &used);
	reader->header_used = (uint8_t)used;
	// The protocol keeps that byte zero. Who speaks something else may not send as much as a header.
	if (used > 0 && reader->header_bytes[0] != 0)
		return READ_FAILED;
	if (result == READ_WHOLE)
		ttrpc_header_decode(reader->header_bytes, &reader->header);
	return result;
}

/** Reads the data of a frame that is too long, to forget it. */
static enum frame_read pass_over(struct frame_reader *reader, int fd)
{
	static uint8_t nowhere[16384];
	while (reader->used < reader->header.size) {
		size_t left = reader->header.size - reader->used;
		size_t used = 0;
		enum frame_read result = receive(fd, nowhere, left < sizeof nowhere ? left : sizeof nowhere, &used);
		reader->used += used;
		if (result != READ_WHOLE)
			return result;
	}
	return READ_OVERSIZE;
}

static enum frame_read read_data(struct frame_reader *reader, int fd, size_t room)
{
	const struct ttrpc_header *header = &reader->header;
	if (header->size > TTRPC_DATA_MAX)
		return pass_over(reader, fd);
	if (!reader->frame) {
		if (TTRPC_HEADER_SIZE + header->size > room)
			return READ_NO_ROOM;
		// Memory that was merely announced is not touched, and so not used, before its bytes come.
		reader->frame = frame_new(header->stream, header->type, header->flags, NULL, header->size);
		if (!reader->frame)
			return READ_FAILED;
	}
	return receive(fd, frame_data(reader->frame), header->size, &reader->used);
}

enum frame_read frame_reader_read(struct frame_reader *reader, int fd, size_t room, struct frame **frame)
{
	enum frame_read result = READ_WHOLE;
	if (reader->header_used < TTRPC_HEADER_SIZE)
		result = read_header(reader, fd);
	if (result == READ_WHOLE)
		result = read_data(reader, fd, room);
	if (result != READ_WHOLE && result != READ_OVERSIZE)
		return result;
	*frame = reader->frame;
	reader->frame = NULL;
	reader->header_used = 0;
	reader->used = 0;
	return result;
}

bool frame_reader_read_all(struct frame_reader *reader, int fd, frame_taker *take, void *context)
{
	for (;;) {
		struct frame *frame = NULL;
		switch (frame_reader_read(reader, fd, SIZE_MAX, &frame)) {
			case READ_WHOLE:
				if (!take(context, frame))
					return true;
				break;
			case READ_OVERSIZE:
				break;
			case READ_BLOCKED:
			case READ_NO_ROOM:
				return true;
			case READ_ENDED:
			case READ_FAILED:
				return false;
		}
	}
}

bool frame_reader_is_inside(const struct frame_reader *reader)
{
	return reader->header_used > 0;
}

void frame_reader_reset(struct frame_reader *reader)
{
	free(reader->frame);
	*reader = (struct frame_reader){0};
}
