#include "commands.h"
#include "host/file-io.h"
#include "host/paths.h"
#include "proto-reader.h"
#include "runtime-info.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/*
 * What is true of every version of the shim. containerd reads one thing of it, and only where a mount asks for
 * id-mapping: without this entry it would fail there with an internal error in place of "not supported".
 */
static const char minimal_features[] = "{\"ociVersionMin\":\"1.0.0\",\"ociVersionMax\":\"1.1.0\","
									   "\"linux\":{\"mountExtensions\":{\"idmap\":{\"enabled\":false}}}}";

static bool is_protobuf(const uint8_t *data, size_t size)
{
	struct proto_reader reader;
	struct proto_field field;
	proto_reader_init(&reader, data, size);
	while (proto_read_field(&reader, &field))
		;
	return !reader.malformed;
}

/** The options that containerd gives on stdin; a person at a terminal gives none, and is not waited for. */
static int read_options(uint8_t *data, size_t size, size_t *used, struct failure *failure)
{
	*used = 0;
	if (isatty(STDIN_FILENO))
		return 0;
	ssize_t length = read_all(STDIN_FILENO, data, size);
	if (length < 0)
		return fail_errno(failure, "cannot read the runtime's options from stdin");
	if ((size_t)length == size)
		return fail(failure, "the runtime's options on stdin are larger than %zu bytes", size - 1);
	if (!is_protobuf(data, (size_t)length))
		return fail(failure, "the runtime's options on stdin are no google.protobuf.Any");
	*used = (size_t)length;
	return 0;
}

/** lib/proxmox-lxcri/features.json, which the build makes from the table that the daemon itself goes by. */
static const char *read_features(char *data, size_t size)
{
	static struct paths paths;
	struct failure ignored;
	char path[PATH_MAX];
	if (paths_find_lib_dir(&paths, &ignored) == 0 &&
		format_path(path, sizeof path, "%s/features.json", paths.lib_dir) == 0 && read_small_file(path, data, size) > 0)
		return data;
	return minimal_features;
}

int command_info(const char *program, struct failure *failure)
{
	static uint8_t options[OPTIONS_MAX];
	static char features[FEATURES_MAX];
	static uint8_t data[RUNTIME_INFO_SIZE];
	char name[256];
	runtime_name_of_program(program, name, sizeof name);
	struct runtime_info info = {
		.name = name,
		.version = LXCRI_VERSION,
		.revision = LXCRI_REVISION,
		.options = options,
		.features = read_features(features, sizeof features),
	};
	info.features_size = strlen(info.features);
	if (read_options(options, sizeof options, &info.options_size, failure) != 0)
		return -1;
	size_t size = runtime_info_encode(data, &info);
	if (size == 0)
		return fail(failure, "the runtime's description does not fit");
	if (write_all(STDOUT_FILENO, data, size) != 0)
		return fail_errno(failure, "cannot write to stdout");
	return 0;
}
