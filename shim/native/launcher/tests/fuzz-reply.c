/*
 * Feeds what a daemon could answer through the whole way of a reply. The first byte chooses how it comes in pieces;
 * whatever comes, a reply that is accepted must be one that containerd can decode.
 */

#include "daemon-reply.h"
#include "delete-response.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reply(const uint8_t *body, size_t size)
{
	struct daemon_reply reply;
	if (!daemon_reply_parse(body, size, &reply))
		return;
	if (reply.status == 0 && !delete_response_is_valid(reply.delete_response, reply.delete_response_size))
		abort();
	if (reply.message_size > size || reply.delete_response_size > size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct reply_reader reader;
	if (size == 0)
		return 0;
	size_t piece = (size_t)data[0] + 1;
	data++;
	size--;
	// The body alone as well: finding a correct header first would keep the fuzzer from ever seeing one.
	check_reply(data, size);

	reply_reader_init(&reader);
	enum reply_state state = REPLY_INCOMPLETE;
	while (size > 0 && state == REPLY_INCOMPLETE) {
		size_t part = size < piece ? size : piece;
		state = reply_reader_feed(&reader, data, part);
		data += part;
		size -= part;
	}
	if (state == REPLY_COMPLETE)
		check_reply(reader.body, reader.body_used);
	return 0;
}
