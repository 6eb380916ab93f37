#ifndef LXCRI_LINE_READER_H
#define LXCRI_LINE_READER_H

#include <stdbool.h>
#include <stddef.h>

/** Reads a file line by line through a fixed buffer; lines that do not fit are left out. */
struct line_reader {
	int fd;
	size_t start;
	size_t end;
	char data[8192];
};

void line_reader_init(struct line_reader *reader, int fd);

/** The next line without its newline, valid until the next call; NULL at the end. */
char *line_reader_next(struct line_reader *reader);

#endif
