#ifndef LXCRI_PUBLISHER_H
#define LXCRI_PUBLISHER_H

#include "control-data.h"
#include "event-loop.h"
#include "frame-reader.h"
#include "frame.h"

#include <stddef.h>

struct keeper;

/** So many answers are kept until a daemon has recorded them; then the oldest goes. */
#define ANSWERS_MAX 4096

/** What may wait for one containerd to take it. */
#define SINK_BUFFER_MAX ((size_t)8 * 1024 * 1024)

/** One request to a containerd, or its answer. */
struct publication {
	struct publication *next;
	struct sink *sink; // where it is in flight; NULL: it has its answer
	uint32_t stream;
	struct frame *answer;
	char key[];
};

/** The connection to one containerd. */
struct sink {
	struct sink *next;
	struct keeper *keeper;
	struct watch watch; // closed: there is no connection
	struct timer again; // to connect: its queue was full
	struct frame_reader reader;
	struct frame_output output;
	uint32_t last_stream;
	char address[];
};

/**
 * Sends daemons' requests to containerd, so that a daemon that dies with one under way leaves nobody in doubt: the
 * answer is kept, and the next daemon that asks for the same key gets it. Oldest first.
 */
struct publisher {
	struct publication *first;
	struct sink *sinks;
	size_t answers;
};

/** KEY\0ADDRESS\0 and the data of a request. */
void publisher_publish(struct keeper *keeper, struct control_data data);

/** KEY\0: its answer is not needed any more. */
void publisher_recorded(struct keeper *keeper, struct control_data data);

void publisher_close(struct keeper *keeper);

#endif
