#ifndef LXCRI_DELETE_RESPONSE_H
#define LXCRI_DELETE_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/** Enough for every DeleteResponse that we make ourselves. */
#define DELETE_RESPONSE_SIZE 64

/** Encodes containerd.task.v2.DeleteResponse (v3's has the same bytes). Its length. */
size_t delete_response_encode(
	uint8_t data[DELETE_RESPONSE_SIZE], uint32_t pid, uint32_t exit_status, const struct timespec *exited_at);

/** Whether containerd could decode this: it would drop the exit status of a container for a malformed one. */
bool delete_response_is_valid(const uint8_t *data, size_t size);

#endif
