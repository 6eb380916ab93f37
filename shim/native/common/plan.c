#include "plan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLAN_MAX_SIZE (32u << 20)

int plan_read(struct plan *plan, int fd)
{
	struct stat st;
	size_t size, done = 0;
	off_t start;

	*plan = (struct plan){0};
	if (fstat(fd, &st) < 0)
		return -1;
	start = st.st_size > 0 ? lseek(fd, 0, SEEK_CUR) : 0;
	if (start < 0 || st.st_size <= start || (uint64_t)(st.st_size - start) > PLAN_MAX_SIZE) {
		errno = EINVAL;
		return -1;
	}
	size = (size_t)(st.st_size - start);
	plan->data = malloc(size);
	if (!plan->data)
		return -1;
	while (done < size) {
		ssize_t n = pread(fd, plan->data + done, size - done, start + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			plan_free(plan);
			if (n == 0)
				errno = EINVAL;
			return -1;
		}
		done += (size_t)n;
	}
	if (plan->data[done - 1] != '\0') {
		plan_free(plan);
		errno = EINVAL;
		return -1;
	}
	plan->size = done;
	return 0;
}

void plan_free(struct plan *plan)
{
	int saved = errno;

	free(plan->data);
	*plan = (struct plan){0};
	errno = saved;
}

char *plan_next(struct plan *plan)
{
	char *word;

	if (plan->offset >= plan->size)
		return NULL;
	word = plan->data + plan->offset;
	plan->offset += strlen(word) + 1;
	return word;
}

static const struct plan_operation *
find_operation(const struct plan_operation *operations, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(operations[i].name, name) == 0)
			return &operations[i];
	return NULL;
}

int plan_run(struct plan *plan, const struct plan_operation *operations, size_t count, void *context)
{
	char *name;

	while ((name = plan_next(plan))) {
		const struct plan_operation *operation = find_operation(operations, count, name);
		char *arguments[PLAN_MAX_ARGUMENTS] = {0};

		if (!operation) {
			errno = EPROTO;
			return -1;
		}
		for (int i = 0; i < operation->arguments; i++) {
			arguments[i] = plan_next(plan);
			if (!arguments[i]) {
				errno = EPROTO;
				return -1;
			}
		}
		if (operation->run(context, arguments) < 0)
			return -1;
	}
	return 0;
}

static int digit_of(char character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	return character >= 'a' && character <= 'f' ? character - 'a' + 10 : 16;
}

/* Not strtoull: it accepts spaces, signs and prefixes, which no plan contains. */
static int parse_unsigned(const char *word, unsigned int base, uint64_t max, uint64_t *value)
{
	uint64_t parsed = 0;
	bool fits = true;

	for (const char *next = word; *next || next == word; next++) {
		unsigned int digit = (unsigned int)digit_of(*next);

		if (digit >= base) {
			errno = EINVAL;
			return -1;
		}
		fits = fits && parsed <= (max - digit) / base;
		if (fits)
			parsed = parsed * base + digit;
	}
	if (!fits) {
		errno = ERANGE;
		return -1;
	}
	*value = parsed;
	return 0;
}

int plan_u64(const char *word, uint64_t *value)
{
	return parse_unsigned(word, 10, UINT64_MAX, value);
}

int plan_u32(const char *word, uint32_t *value)
{
	uint64_t wide;

	if (parse_unsigned(word, 10, UINT32_MAX, &wide) < 0)
		return -1;
	*value = (uint32_t)wide;
	return 0;
}

int plan_hex64(const char *word, uint64_t *value)
{
	return parse_unsigned(word, 16, UINT64_MAX, value);
}
