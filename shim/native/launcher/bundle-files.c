#include "bundle-files.h"

#include "host/file-io.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

/** A newline in a value would make another line of the file. */
static bool has_control_character(const char *value)
{
	for (; *value; value++) {
		if ((unsigned char)*value < ' ')
			return true;
	}
	return false;
}

int bundle_files_write(
	const char *address, const char *ttrpc_address, const char *grpc_address, const char *publish_binary,
	struct failure *failure)
{
	if (has_control_character(ttrpc_address) || has_control_character(grpc_address) ||
		has_control_character(publish_binary))
		return fail(failure, "-address, -publish-binary and TTRPC_ADDRESS may hold no control characters");
	char publisher[3 * PATH_MAX];
	if (format_path(
			publisher, sizeof publisher, "ttrpc=%s\ngrpc=%s\nbinary=%s\n", ttrpc_address, grpc_address,
			publish_binary) != 0)
		return fail(failure, "-address, -publish-binary or TTRPC_ADDRESS is too long");
	if (replace_file("publisher", publisher, strlen(publisher)) != 0)
		return fail_errno(failure, "cannot write the file \"publisher\" into the bundle (the working directory)");
	if (replace_file("address", address, strlen(address)) != 0)
		return fail_errno(failure, "cannot write the file \"address\" into the bundle (the working directory)");
	return 0;
}
