#ifndef LXCRI_DAEMON_CALL_H
#define LXCRI_DAEMON_CALL_H

#include "daemon-reply.h"
#include "host/deadline.h"
#include "host/failure.h"

enum call_result {
	CALL_ANSWERED,
	CALL_REFUSED,   // the daemon answered with an error
	CALL_NO_DAEMON, // nobody listens there, or whoever did died before the answer
	CALL_FAILED
};

/** Connects to a daemon's socket and makes one call. The reply points into `reader`. */
enum call_result daemon_call(
	const char *socket_path, const uint8_t *request, size_t request_size, deadline end, struct reply_reader *reader,
	struct daemon_reply *reply, struct failure *failure);

#endif
