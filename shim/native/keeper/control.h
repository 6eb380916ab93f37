#ifndef LXCRI_CONTROL_H
#define LXCRI_CONTROL_H

#include "host/failure.h"
#include "listener.h"

#include <limits.h>
#include <stdbool.h>

struct keeper;

#define CONTROL_LINE_MAX (PATH_MAX + 256)

/** One connection to keeper.sock: a line comes, an answer goes. */
struct control_connection {
	struct control_connection *next;
	struct keeper *keeper;
	struct watch watch;
	struct timer limit;
	enum { ASKING, AWAITS_START, AWAITS_REPLACEMENT } state;
	size_t used;
	char line[CONTROL_LINE_MAX]; // the question; of AWAITS_START the answer
};

/** keeper.sock: launchers, monitors and people. */
struct control {
	struct listener listener;
	struct control_connection *first;
	int64_t linger_ms;
	int64_t linger_end; // monotonic, in nanoseconds: until then a launcher's word holds
	bool in_vain;       // a launcher's daemon cannot be run, and the keeper is there for nothing else
	char error[1024];
};

/** Listens on keeper.sock. */
int control_open(struct keeper *keeper, int64_t linger_ms, struct failure *failure);

/** The socket was removed: makes it again. 0, or -1. */
int control_listen_again(struct keeper *keeper, struct failure *failure);

/** The daemon's program runs; or it cannot be run, and why. */
void control_started(struct keeper *keeper, const struct failure *failure);

/** The new daemon serves; or it does not, and why. */
void control_replaced(struct keeper *keeper, const struct failure *failure);

/** Listens no more, and removes keeper.sock. */
void control_close_socket(struct keeper *keeper);

/** Tells whoever still waits that it is in vain, and closes all connections. */
void control_close(struct keeper *keeper);

#endif
