/* The descriptors that the main loop waits for, and who takes care of each. Made anew before every wait. */
#ifndef LXCRI_MONITOR_WATCH_H
#define LXCRI_MONITOR_WATCH_H

#include <poll.h>
#include <stddef.h>

/*
 * `subject` is what it was watched for. Called in the order in which they were added; an earlier one may have closed
 * the descriptor, or another may have its number by now: a handler looks again, and waits for nothing.
 */
typedef void watch_handler(void *context, void *subject);

struct watch_list {
	struct pollfd *fds;
	struct watcher {
		watch_handler *handler;
		void *subject;
	} * watchers;
	size_t count, room;
	int patience; /* in milliseconds; -1: for ever */
};

void clear_watchers(struct watch_list *list);
/* Something is to be looked at again by then, whatever happens. */
void wait_at_most(struct watch_list *list, int milliseconds);

/* A descriptor of -1 is left out. */
void watch(struct watch_list *list, int fd, short events, watch_handler *handler, void *subject);
/* Waits as long as it may, and calls the handlers of what is ready with `context`. */
void run_watchers(struct watch_list *list, void *context);
/* Whether a read would not wait. */
int is_ready(int fd);

#endif
