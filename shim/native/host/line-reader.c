#include "line-reader.h"

#include "host/file-io.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void line_reader_init(struct line_reader *reader, int fd)
{
	reader->fd = fd;
	reader->start = 0;
	reader->end = 0;
}

/** Reads more behind what is there. False at the end of the file or on an error. */
static bool fill(struct line_reader *reader)
{
	if (reader->start > 0) {
		memmove(reader->data, reader->data + reader->start, reader->end - reader->start);
		reader->end -= reader->start;
		reader->start = 0;
	}
	ssize_t got;
	do {
		// One byte stays free for the NUL of a last line that has no newline.
		got = read(reader->fd, reader->data + reader->end, sizeof reader->data - 1 - reader->end);
	} while (got < 0 && errno == EINTR);
	if (got <= 0)
		return false;
	reader->end += (size_t)got;
	return true;
}

static char *take_line(struct line_reader *reader, size_t length)
{
	char *line = reader->data + reader->start;
	line[length] = '\0';
	reader->start += length + (reader->start + length < reader->end);
	return line;
}

char *line_reader_next(struct line_reader *reader)
{
	bool skipping = false;
	for (;;) {
		size_t held = reader->end - reader->start;
		char *newline = memchr(reader->data + reader->start, '\n', held);
		if (newline) {
			char *line = take_line(reader, (size_t)(newline - (reader->data + reader->start)));
			if (!skipping)
				return line;
			skipping = false;
			continue;
		}
		if (held == sizeof reader->data - 1) {
			skipping = true;
			reader->start = reader->end;
		}
		if (!fill(reader))
			return held > 0 && !skipping ? take_line(reader, held) : NULL;
	}
}
