#ifndef LXCRI_FILE_IO_H
#define LXCRI_FILE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/** Writes everything, across short writes and signals. 0, or -1 with errno. */
int write_all(int fd, const void *data, size_t size);

/** Reads until end of file or until the buffer is full. The number of bytes, or -1 with errno. */
ssize_t read_all(int fd, void *buffer, size_t size);

/**
 * Reads a whole small file as a string. Its length, or -1 with errno; a file that does not fit with its final NUL is
 * EFBIG, never cut.
 */
ssize_t read_small_file(const char *path, char *buffer, size_t size);

/**
 * Puts data at path by way of a temporary file beside it, so that nobody ever reads half a file. 0, or -1 with errno
 * and no temporary file left.
 */
int replace_file(const char *path, const void *data, size_t size);

bool file_exists(const char *path);

/** snprintf that treats a cut result as an error: 0, or -1 with errno ENAMETOOLONG. */
int format_path(char *buffer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** Opens /dev/null wherever 0, 1 or 2 is closed, so that no file of ours lands there and is written to by accident. */
int hold_standard_descriptors(void);

#endif
