#ifndef LXCRI_CONTROL_DATA_H
#define LXCRI_CONTROL_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What is left of the data of a control frame: words that end with NUL, then bytes. */
struct control_data {
	const uint8_t *bytes;
	size_t size;
};

/** Takes the next word, which points into the data. NULL: there is none. */
const char *control_data_word(struct control_data *data);

/** Takes the next word as a decimal number. */
bool control_data_number(struct control_data *data, uint64_t *number);

#endif
