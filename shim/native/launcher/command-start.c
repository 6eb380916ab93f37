#include "bundle-files.h"
#include "commands.h"
#include "ensure-keeper.h"
#include "host/file-io.h"
#include "host/identifier.h"
#include "host/paths.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// containerd itself sets no limit; this is for a keeper that departs, or an overloaded machine.
#define TIME_LIMIT_MS 60000

/*
 * stdin is left unread: its options come again with Create, and containerd's own BootstrapParams (2.3) repeat the
 * flags. What containerd cannot write there it drops (Go ignores EPIPE on a child's stdin).
 */
int command_start(const struct arguments *arguments, struct failure *failure)
{
	static struct paths paths;
	char socket[PATH_MAX];
	char address[sizeof ADDRESS_PREFIX + PATH_MAX];
	deadline end = deadline_in_ms(TIME_LIMIT_MS);
	const char *ttrpc_address = getenv("TTRPC_ADDRESS");
	if (identifier_check("namespace", arguments->namespace_name, failure) != 0 ||
		identifier_check("id", arguments->id, failure) != 0 ||
		paths_init(&paths, getenv("LXCRI_RUN_DIR"), failure) != 0 || paths_find_lib_dir(&paths, failure) != 0 ||
		ensure_keeper(socket, &paths, arguments->namespace_name, end, failure) != 0)
		return -1;
	if (format_path(address, sizeof address, ADDRESS_PREFIX "%s", socket) != 0)
		return fail(failure, "the socket path %.200s is too long", socket);
	if (bundle_files_write(
			address, ttrpc_address ? ttrpc_address : "", arguments->address, arguments->publish_binary, failure) != 0)
		return -1;
	if (write_all(STDOUT_FILENO, address, strlen(address)) != 0)
		return fail_errno(failure, "cannot print the address");
	return 0;
}
