#include "daemon-request.h"

#include "host/proto-writer.h"
#include "host/ttrpc-frame.h"

enum { REQUEST_SERVICE = 1, REQUEST_METHOD = 2, REQUEST_PAYLOAD = 3, REQUEST_TIMEOUT = 4, REQUEST_METADATA = 5 };
enum { CLEANUP_NAMESPACE = 1, CLEANUP_ID = 2, CLEANUP_BUNDLE = 3 };
enum { KEY_VALUE_KEY = 1, KEY_VALUE_VALUE = 2 };

/** The namespace as containerd sends it with every call, so that the daemon's server treats ours like any other. */
static void write_namespace_metadata(struct proto_writer *request, const char *namespace_name)
{
	uint8_t data[256];
	struct proto_writer entry;
	proto_writer_init(&entry, data, sizeof data);
	proto_write_string_field(&entry, KEY_VALUE_KEY, "containerd-namespace-ttrpc");
	proto_write_string_field(&entry, KEY_VALUE_VALUE, namespace_name);
	request->overflow |= entry.overflow;
	proto_write_bytes_field(request, REQUEST_METADATA, data, entry.used);
}

/** The whole frame of a call on our own service. */
static size_t encode_call(
	uint8_t frame[DAEMON_REQUEST_SIZE], const char *method, const struct proto_writer *payload,
	const char *namespace_name, uint64_t timeout_ns)
{
	struct proto_writer request;
	proto_writer_init(&request, frame + TTRPC_HEADER_SIZE, DAEMON_REQUEST_SIZE - TTRPC_HEADER_SIZE);
	proto_write_string_field(&request, REQUEST_SERVICE, "proxmox.lxcri.v1.Shim");
	proto_write_string_field(&request, REQUEST_METHOD, method);
	proto_write_bytes_field(&request, REQUEST_PAYLOAD, payload->data, payload->used);
	proto_write_varint_field(&request, REQUEST_TIMEOUT, timeout_ns);
	write_namespace_metadata(&request, namespace_name);
	if (payload->overflow || request.overflow)
		return 0;

	const struct ttrpc_header header = {
		.size = (uint32_t)request.used,
		.stream = DAEMON_CALL_STREAM,
		.type = TTRPC_REQUEST,
	};
	ttrpc_header_encode(frame, &header);
	return TTRPC_HEADER_SIZE + request.used;
}

size_t cleanup_request_encode(
	uint8_t frame[DAEMON_REQUEST_SIZE], const char *namespace_name, const char *id, const char *bundle,
	uint64_t timeout_ns)
{
	uint8_t data[DAEMON_REQUEST_SIZE];
	struct proto_writer payload;
	proto_writer_init(&payload, data, sizeof data);
	proto_write_string_field(&payload, CLEANUP_NAMESPACE, namespace_name);
	proto_write_string_field(&payload, CLEANUP_ID, id);
	proto_write_string_field(&payload, CLEANUP_BUNDLE, bundle);
	return encode_call(frame, "Cleanup", &payload, namespace_name, timeout_ns);
}
