#ifndef LXCRI_DAEMON_REQUEST_H
#define LXCRI_DAEMON_REQUEST_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#define DAEMON_CALL_STREAM 1
#define DAEMON_REQUEST_SIZE (PATH_MAX + 1024)

/**
 * Makes the ttrpc frame that asks a daemon to clean up after a container: method Cleanup of our own service
 * proxmox.lxcri.v1.Shim, with CleanupRequest {namespace = 1, id = 2, bundle = 3}; its answer is a DeleteResponse.
 * The frame's length, or 0 where the values do not fit.
 */
size_t cleanup_request_encode(
	uint8_t frame[DAEMON_REQUEST_SIZE], const char *namespace_name, const char *id, const char *bundle,
	uint64_t timeout_ns);

#endif
