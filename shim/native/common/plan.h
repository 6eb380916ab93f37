/*
 * A plan is what the daemon (TypeScript) tells a native program to do: a file of NUL-terminated words, read in
 * order. Each operation is its name followed by a fixed number of arguments, so any byte but NUL travels unquoted
 * and nothing needs escaping. The whole file is kept in one buffer and the words point into it.
 */
#ifndef LXCRI_PLAN_H
#define LXCRI_PLAN_H

#include <stddef.h>
#include <stdint.h>

#define PLAN_MAX_ARGUMENTS 8

struct plan {
	char *data;
	size_t size;
	size_t offset;
};

/* One kind of operation: its name, how many arguments follow it, and what carries it out (0, or -1 with errno). */
struct plan_operation {
	const char *name;
	int arguments;
	int (*run)(void *context, char **arguments);
};

/*
 * Reads a plan from a file, from where the descriptor stands to the end; the descriptor stays there. Returns 0, or -1
 * with errno; EINVAL: it does not end in NUL.
 */
int plan_read(struct plan *plan, int fd);
void plan_free(struct plan *plan);

/* The next word, or NULL at the end. */
char *plan_next(struct plan *plan);

/*
 * Runs every operation in order and stops at the first that fails. An unknown name or missing arguments are EPROTO:
 * daemon and native programs are built together, so that is a fault, never input to be tolerated.
 */
int plan_run(struct plan *plan, const struct plan_operation *operations, size_t count, void *context);

/* Strict numbers, decimal or (hex64) lower-case hexadecimal: the whole word, in range, or -1 with ERANGE or EINVAL. */
int plan_u64(const char *word, uint64_t *value);
int plan_u32(const char *word, uint32_t *value);
int plan_hex64(const char *word, uint64_t *value);

#endif
