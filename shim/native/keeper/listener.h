#ifndef LXCRI_LISTENER_H
#define LXCRI_LISTENER_H

#include "event-loop.h"

/** A Unix socket that accepts connections. Part of what owns it, who sets `accepted` and `owner`. */
struct listener {
	struct event_loop *loop;
	struct watch watch;
	struct timer pause; // after EMFILE
	int spares;         // descriptors that are kept free: beyond, connections are closed at once
	/** Takes the descriptor over, which does not block. */
	void (*accepted)(struct listener *listener, int fd);
	void *owner;
};

/** Takes the place of whatever socket is at the path. 0, or -1 with errno. */
int listener_open(struct listener *listener, struct event_loop *loop, const char *path);

/** Accepts no more; the path is left. Harmless where it is closed already. */
void listener_close(struct listener *listener);

#endif
