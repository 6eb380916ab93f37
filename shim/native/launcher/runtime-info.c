#include "runtime-info.h"

#include "host/proto-writer.h"

#include <stdio.h>
#include <string.h>

enum { INFO_NAME = 1, INFO_VERSION = 2, INFO_OPTIONS = 3, INFO_FEATURES = 4 };
enum { VERSION_VERSION = 1, VERSION_REVISION = 2 };
enum { ANY_TYPE_URL = 1, ANY_VALUE = 2 };

#define FEATURES_TYPE_URL "types.containerd.io/opencontainers/runtime-spec/1/features/Features"
#define PROGRAM_PREFIX "containerd-shim-"

static void write_version(struct proto_writer *info, const char *version, const char *revision)
{
	uint8_t data[512];
	struct proto_writer writer;
	proto_writer_init(&writer, data, sizeof data);
	proto_write_string_field(&writer, VERSION_VERSION, version);
	proto_write_string_field(&writer, VERSION_REVISION, revision);
	info->overflow |= writer.overflow;
	proto_write_bytes_field(info, INFO_VERSION, data, writer.used);
}

static void write_features(struct proto_writer *info, const char *features, size_t size)
{
	static uint8_t data[FEATURES_MAX + 256];
	struct proto_writer any;
	proto_writer_init(&any, data, sizeof data);
	proto_write_string_field(&any, ANY_TYPE_URL, FEATURES_TYPE_URL);
	proto_write_bytes_field(&any, ANY_VALUE, (const uint8_t *)features, size);
	info->overflow |= any.overflow;
	proto_write_bytes_field(info, INFO_FEATURES, data, any.used);
}

size_t runtime_info_encode(uint8_t data[RUNTIME_INFO_SIZE], const struct runtime_info *info)
{
	struct proto_writer writer;
	proto_writer_init(&writer, data, RUNTIME_INFO_SIZE);
	proto_write_string_field(&writer, INFO_NAME, info->name);
	write_version(&writer, info->version, info->revision);
	if (info->options_size > 0)
		proto_write_bytes_field(&writer, INFO_OPTIONS, info->options, info->options_size);
	write_features(&writer, info->features, info->features_size);
	return writer.overflow ? 0 : writer.used;
}

void runtime_name_of_program(const char *program, char *name, size_t size)
{
	const char *middle = program;
	if (strncmp(program, PROGRAM_PREFIX, strlen(PROGRAM_PREFIX)) == 0)
		middle += strlen(PROGRAM_PREFIX);
	const char *dash = strrchr(middle, '-');
	if (middle == program || !dash || dash == middle || !dash[1])
		snprintf(name, size, "io.containerd.lxcri.v1");
	else
		snprintf(name, size, "io.containerd.%.*s.%s", (int)(dash - middle), middle, dash + 1);
}
