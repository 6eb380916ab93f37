#include "namespace-socket.h"

#include "daemon-call.h"
#include "daemon-request.h"
#include "daemon-socket.h"
#include "ensure-daemon.h"

static enum call_result
ask_daemon(const struct paths *paths, const char *namespace_name, deadline end, struct failure *failure)
{
	static struct reply_reader reader;
	static uint8_t request[DAEMON_REQUEST_SIZE];
	struct daemon_reply reply;
	size_t size = listen_request_encode(request, namespace_name, (uint64_t)deadline_left_ns(end));
	if (size == 0) {
		fail(failure, "the namespace is too long");
		return CALL_FAILED;
	}
	return daemon_call(paths->socket, request, size, end, &reader, &reply, failure);
}

int ensure_namespace_socket(
	char path[PATH_MAX], const struct paths *paths, const char *namespace_name, deadline end, struct failure *failure)
{
	if (paths_namespace_socket(path, paths, namespace_name, failure) != 0)
		return -1;
	enum call_result result = CALL_NO_DAEMON;
	struct failure reason;
	// A daemon may be killed just when it was found alive; one that dies twice has a reason.
	for (int attempt = 0; attempt < 2 && result == CALL_NO_DAEMON; attempt++) {
		if (ensure_daemon(paths, end, failure) != 0)
			return -1;
		// One that a killed daemon left is there, but not live.
		if (daemon_socket_is_live(path))
			return 0;
		result = ask_daemon(paths, namespace_name, end, &reason);
	}
	return result == CALL_ANSWERED ? 0 : fail(failure, "%.700s (its log: %.300s)", reason.text, paths->log);
}
