#include "watch.h"

#include <stdlib.h>

#define FIRST_ROOM 32

/* Without memory the list stays as it is: what is left out is seen in a later round. */
static int grow(struct watch_list *list)
{
	size_t room = list->room ? 2 * list->room : FIRST_ROOM;
	struct pollfd *fds = realloc(list->fds, room * sizeof(*fds));
	struct watcher *watchers;

	if (!fds)
		return -1;
	list->fds = fds;
	watchers = realloc(list->watchers, room * sizeof(*watchers));
	if (!watchers)
		return -1;
	list->watchers = watchers;
	list->room = room;
	return 0;
}

void watch(struct watch_list *list, int fd, short events, watch_handler *handler, void *subject)
{
	if (fd < 0 || (list->count == list->room && grow(list) < 0))
		return;
	list->fds[list->count] = (struct pollfd){fd, events, 0};
	list->watchers[list->count] = (struct watcher){handler, subject};
	list->count++;
}

void clear_watchers(struct watch_list *list)
{
	list->count = 0;
	list->patience = -1;
}

void wait_at_most(struct watch_list *list, int milliseconds)
{
	if (milliseconds >= 0 && (list->patience < 0 || milliseconds < list->patience))
		list->patience = milliseconds;
}

void run_watchers(struct watch_list *list, void *context)
{
	if (poll(list->fds, list->count, list->patience) <= 0)
		return;
	for (size_t i = 0; i < list->count; i++)
		if (list->fds[i].revents)
			list->watchers[i].handler(context, list->watchers[i].subject);
}

int is_ready(int fd)
{
	struct pollfd poll_fd = {fd, POLLIN, 0};

	return fd >= 0 && poll(&poll_fd, 1, 0) > 0;
}
