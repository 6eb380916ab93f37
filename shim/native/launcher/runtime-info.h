#ifndef LXCRI_RUNTIME_INFO_H
#define LXCRI_RUNTIME_INFO_H

#include <stddef.h>
#include <stdint.h>

/** A features document larger than this is not ours. */
#define FEATURES_MAX (64 * 1024)
#define OPTIONS_MAX (64 * 1024)
#define RUNTIME_INFO_SIZE (FEATURES_MAX + OPTIONS_MAX + 1024)

/** What a shim says about itself. The texts of containerd.types.RuntimeInfo, still apart. */
struct runtime_info {
	const char *name;
	const char *version;
	const char *revision;
	const uint8_t *options; // the google.protobuf.Any that containerd gave, returned as it is
	size_t options_size;
	const char *features; // OCI features document, JSON
	size_t features_size;
};

/** Its length, or 0 where it does not fit. */
size_t runtime_info_encode(uint8_t data[RUNTIME_INFO_SIZE], const struct runtime_info *info);

/** "containerd-shim-lxcri-pve-v1" -> "io.containerd.lxcri-pve.v1": the runtime that this name of the program stands
 * for. */
void runtime_name_of_program(const char *program, char *name, size_t size);

#endif
