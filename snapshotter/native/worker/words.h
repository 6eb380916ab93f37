/*
 * The frames between the daemon and its worker: four bytes, the length in little endian, then as many bytes, which are
 * words, each ended by NUL. A request is a number, a verb and its arguments; an answer the same number, an errno (0 for
 * success) and a text.
 */
#ifndef LAYERFS_WORDS_H
#define LAYERFS_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* A channel program with the labels of many layers; far more than any request has. */
#define FRAME_MAX (8u << 20)
#define WORDS_MAX 4096

struct words {
	size_t count;
	const char *at[WORDS_MAX];
	char *buffer; /* what they point into; the owner frees it */
};

/* Splits `length` bytes of `buffer`, which it takes over only if it returns true. */
bool words_split(struct words *words, char *buffer, size_t length);

/* 1: a frame; 0: the end of the input, between two frames; -1: an error, with errno. */
int words_read(int fd, struct words *words);

/* Writes an answer as one frame. -1: an error, with errno. */
int answer_write(int fd, const char *number, int error, const char *text);

#endif
