/*
 * Which calls of clients have been carried out. A daemon that dies before it could answer one has a successor, to which
 * the call comes again, with the same identity: `for CALL COMMAND` (control.c). It is answered then, and not done
 * twice.
 */
#ifndef LXCRI_MONITOR_CALLS_H
#define LXCRI_MONITOR_CALLS_H

#include <stdbool.h>
#include <stddef.h>

/* Without its NUL. An identity is KEEPER/CONNECTION/STREAM: some 40 bytes. */
#define CALL_MAX_ID 95
/* Only what was not answered yet comes again: few of one container's calls at a time. */
#define CALLS_REMEMBERED 64

struct call {
	char id[CALL_MAX_ID + 1]; /* "": no call yet */
	int error;                /* an errno; 0: it was done */
	char *text;               /* allocated; NULL: none */
};

struct call_list {
	struct call calls[CALLS_REMEMBERED];
	size_t next;
};

/* NULL: it is not known, or no longer. */
const struct call *find_call(const struct call_list *list, const char *id);
/* The oldest one is forgotten for it. `text` is copied, and may be NULL. An id of "" is no call. */
void remember_call(struct call_list *list, const char *id, int error, const char *text);

#endif
