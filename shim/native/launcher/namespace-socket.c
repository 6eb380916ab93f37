#include "namespace-socket.h"

#include "daemon-call.h"
#include "daemon-request.h"
#include "daemon-socket.h"

#include <stdbool.h>

static int ask_daemon(const struct paths *paths, const char *namespace_name, deadline end, struct failure *failure)
{
	static struct reply_reader reader;
	static uint8_t request[DAEMON_REQUEST_SIZE];
	struct daemon_reply reply;
	size_t size = listen_request_encode(request, namespace_name, (uint64_t)deadline_left_ns(end));
	if (size == 0)
		return fail(failure, "the namespace is too long");
	return daemon_call(paths->socket, request, size, end, &reader, &reply, failure) == CALL_ANSWERED ? 0 : -1;
}

int ensure_namespace_socket(
	char path[PATH_MAX], const struct paths *paths, const char *namespace_name, deadline end, struct failure *failure)
{
	if (paths_namespace_socket(path, paths, namespace_name, failure) != 0)
		return -1;
	// One that a killed daemon left is there, but not live.
	return daemon_socket_is_live(path) ? 0 : ask_daemon(paths, namespace_name, end, failure);
}
