#include "control-data.h"

#include <string.h>

const char *control_data_word(struct control_data *data)
{
	const uint8_t *end = data->size > 0 ? memchr(data->bytes, '\0', data->size) : NULL;
	if (!end)
		return NULL;
	const char *word = (const char *)data->bytes;
	size_t length = (size_t)(end - data->bytes) + 1;
	data->bytes += length;
	data->size -= length;
	return word;
}

bool control_data_number(struct control_data *data, uint64_t *number)
{
	const char *word = control_data_word(data);
	if (!word || !*word)
		return false;
	*number = 0;
	for (; *word; word++) {
		if (*word < '0' || *word > '9' || *number > (UINT64_MAX - 9) / 10)
			return false;
		*number = *number * 10 + (uint64_t)(*word - '0');
	}
	return true;
}
