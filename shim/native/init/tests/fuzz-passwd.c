/* Any bytes as /etc/passwd: what is found must be in it, between a colon and a colon or the line's end. */
#include "setup.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether `home` is the sixth field of a line of the file. */
static int is_sixth_field(const char *home, const char *data, size_t size)
{
	size_t length = strlen(home), start = 0;
	int field = 0;

	for (size_t i = 0; i <= size; i++) {
		if (i < size && data[i] != ':' && data[i] != '\n' && data[i] != '\0')
			continue;
		if (field == 5 && i - start == length && memcmp(data + start, home, length) == 0)
			return 1;
		field = i < size && data[i] == ':' ? field + 1 : i < size && data[i] == '\n' ? 0 : 100;
		start = i + 1;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *file = size ? fmemopen((void *)data, size, "r") : NULL;
	char *home;

	if (!file)
		return 0;
	home = find_home(file, 0);
	fclose(file);
	if (home && !is_sixth_field(home, (const char *)data, size))
		abort();
	free(home);
	return 0;
}
