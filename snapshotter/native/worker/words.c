#include "words.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define LENGTH_SIZE 4

bool words_split(struct words *words, char *buffer, size_t length)
{
	if (length == 0 || buffer[length - 1] != '\0')
		return false;
	words->count = 0;
	for (const char *word = buffer; word < buffer + length; word += strlen(word) + 1) {
		if (words->count == WORDS_MAX)
			return false;
		words->at[words->count++] = word;
	}
	words->buffer = buffer;
	return true;
}

/* Fewer than `size` only at the end of the input. */
static ssize_t read_fully(int fd, void *buffer, size_t size)
{
	size_t done = 0;
	while (done < size) {
		ssize_t count = read(fd, (char *)buffer + done, size - done);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -1;
		if (count == 0)
			break;
		done += (size_t)count;
	}
	return (ssize_t)done;
}

int words_read(int fd, struct words *words)
{
	unsigned char head[LENGTH_SIZE];
	ssize_t got = read_fully(fd, head, sizeof(head));
	if (got <= 0)
		return (int)got;
	size_t length = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
	if (got < LENGTH_SIZE || length == 0 || length > FRAME_MAX) {
		errno = EBADMSG;
		return -1;
	}
	char *buffer = malloc(length);
	if (!buffer)
		return -1;
	got = read_fully(fd, buffer, length);
	if (got == (ssize_t)length && words_split(words, buffer, length))
		return 1;
	free(buffer);
	errno = got < 0 ? errno : EBADMSG;
	return -1;
}

static int write_fully(int fd, struct iovec *parts, int count)
{
	while (count > 0) {
		ssize_t done = writev(fd, parts, count);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		for (; count > 0 && (size_t)done >= parts->iov_len; parts++, count--)
			done -= (ssize_t)parts->iov_len;
		if (count > 0) {
			parts->iov_base = (char *)parts->iov_base + done;
			parts->iov_len -= (size_t)done;
		}
	}
	return 0;
}

int answer_write(int fd, const char *number, int error, const char *text)
{
	char code[16];
	snprintf(code, sizeof(code), "%d", error);
	struct iovec parts[] = {
		{NULL, LENGTH_SIZE},
		{(void *)number, strlen(number) + 1},
		{code, strlen(code) + 1},
		{(void *)text, strlen(text) + 1},
	};
	size_t length = parts[1].iov_len + parts[2].iov_len + parts[3].iov_len;
	unsigned char head[] = {
		(unsigned char)length, (unsigned char)(length >> 8), (unsigned char)(length >> 16),
		(unsigned char)(length >> 24)};
	parts[0].iov_base = head;
	return write_fully(fd, parts, sizeof(parts) / sizeof(parts[0]));
}
