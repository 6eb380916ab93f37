#include "commands.h"
#include "daemon-call.h"
#include "daemon-request.h"
#include "delete-response.h"
#include "ensure-keeper.h"
#include "host/file-io.h"
#include "host/identifier.h"
#include "host/paths.h"
#include "rootfs-unmount.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// containerd gives up, and kills this, after 5 s.
#define TIME_LIMIT_MS 4500

// What containerd's own shim answers for a container of which nothing is known: 128 + SIGKILL.
#define UNKNOWN_EXIT_STATUS 137

struct deletion {
	struct paths paths;
	char state_dir[PATH_MAX];
	const char *bundle;
	deadline end;
	uint8_t request[DAEMON_REQUEST_SIZE];
	size_t request_size;
	struct reply_reader reader;
	struct daemon_reply reply;
};

static int print_response(const uint8_t *data, size_t size, struct failure *failure)
{
	if (write_all(STDOUT_FILENO, data, size) != 0)
		return fail_errno(failure, "cannot print the DeleteResponse");
	return 0;
}

/** The daemon has no state of this container: it was deleted properly before, or never created. */
static int delete_unknown(const struct deletion *deletion, struct failure *failure)
{
	uint8_t response[DELETE_RESPONSE_SIZE];
	struct timespec now;
	if (rootfs_unmount(deletion->bundle, failure) != 0)
		return -1;
	clock_gettime(CLOCK_REALTIME, &now);
	return print_response(response, delete_response_encode(response, 0, UNKNOWN_EXIT_STATUS, &now), failure);
}

/** Should the keeper die of the task, or just before it, a second one gets one more chance. */
static enum call_result call_daemon(struct deletion *deletion, const char *namespace_name, struct failure *failure)
{
	enum call_result result = CALL_NO_DAEMON;
	for (int attempt = 0; attempt < 2 && result == CALL_NO_DAEMON; attempt++) {
		char socket[PATH_MAX];
		if (ensure_keeper(socket, &deletion->paths, namespace_name, deletion->end, failure) != 0)
			return CALL_FAILED;
		result = daemon_call(
			socket, deletion->request, deletion->request_size, deletion->end, &deletion->reader, &deletion->reply,
			failure);
	}
	return result;
}

static int delete_known(struct deletion *deletion, const char *namespace_name, struct failure *failure)
{
	if (call_daemon(deletion, namespace_name, failure) == CALL_ANSWERED)
		return print_response(deletion->reply.delete_response, deletion->reply.delete_response_size, failure);
	// A deletion that went on at the same time may have been first, which is as good.
	return file_exists(deletion->state_dir) ? -1 : delete_unknown(deletion, failure);
}

static int prepare(struct deletion *deletion, const struct arguments *arguments, struct failure *failure)
{
	deletion->end = deadline_in_ms(TIME_LIMIT_MS);
	deletion->bundle = *arguments->bundle ? arguments->bundle : ".";
	if (identifier_check("namespace", arguments->namespace_name, failure) != 0 ||
		identifier_check("id", arguments->id, failure) != 0 ||
		paths_init(&deletion->paths, getenv("LXCRI_RUN_DIR"), failure) != 0)
		return -1;
	if (format_path(
			deletion->state_dir, sizeof deletion->state_dir, "%s/%s/%s", deletion->paths.containers_dir,
			arguments->namespace_name, arguments->id) != 0)
		return fail_errno(failure, "the path of the container's state is too long");
	return 0;
}

/** The daemon's working directory is another one: a relative bundle means nothing to it. */
static int resolve_bundle(const char *bundle, char absolute[PATH_MAX], struct failure *failure)
{
	if (*bundle == '/')
		return format_path(absolute, PATH_MAX, "%s", bundle) == 0 ? 0 : fail_errno(failure, "-bundle");
	// An unreachable or deleted directory is no reason to keep what the container has left elsewhere.
	if (!realpath(bundle, absolute))
		absolute[0] = '\0';
	return 0;
}

int command_delete(const struct arguments *arguments, struct failure *failure)
{
	static struct deletion deletion;
	if (prepare(&deletion, arguments, failure) != 0)
		return -1;
	if (!file_exists(deletion.state_dir))
		return delete_unknown(&deletion, failure);

	char bundle[PATH_MAX];
	if (paths_find_lib_dir(&deletion.paths, failure) != 0 || resolve_bundle(deletion.bundle, bundle, failure) != 0)
		return -1;
	deletion.request_size = cleanup_request_encode(
		deletion.request, arguments->namespace_name, arguments->id, bundle, (uint64_t)deadline_left_ns(deletion.end));
	if (deletion.request_size == 0)
		return fail(failure, "the bundle's path is too long: %.200s...", bundle);
	return delete_known(&deletion, arguments->namespace_name, failure);
}
