#ifndef LXCRI_BUNDLE_FILES_H
#define LXCRI_BUNDLE_FILES_H

#include "host/failure.h"

/** The socket's address as containerd wants it: in `start`'s output and in the bundle's file `address`. */
#define ADDRESS_PREFIX "unix://"

/**
 * Writes into the bundle, which is the working directory: `address`, from which containerd finds the daemon again
 * after its own restart, and `publisher`, which tells the daemon where this container's events go.
 */
int bundle_files_write(
	const char *address, const char *ttrpc_address, const char *grpc_address, const char *publish_binary,
	struct failure *failure);

#endif
