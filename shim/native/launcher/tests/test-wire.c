#include "daemon-reply.h"
#include "daemon-request.h"
#include "delete-response.h"
#include "host/proto-writer.h"
#include "proto-reader.h"
#include "runtime-info.h"
#include "testing/check.h"

static void encodes_a_delete_response(void)
{
	// {pid: 300, exit_status: 137, exited_at: {seconds: 1, nanos: 5}}
	static const uint8_t expected[] = {0x08, 0xac, 0x02, 0x10, 0x89, 0x01, 0x1a, 0x04, 0x08, 0x01, 0x10, 0x05};
	const struct timespec time = {.tv_sec = 1, .tv_nsec = 5};
	uint8_t data[DELETE_RESPONSE_SIZE];
	CHECK(delete_response_encode(data, 300, 137, &time) == sizeof expected);
	CHECK(memcmp(data, expected, sizeof expected) == 0);
	CHECK(delete_response_is_valid(data, sizeof expected));
	const struct timespec late = {.tv_sec = INT64_MAX, .tv_nsec = 999999999};
	size_t longest = delete_response_encode(data, UINT32_MAX, UINT32_MAX, &late);
	CHECK(longest < DELETE_RESPONSE_SIZE && delete_response_is_valid(data, longest));
}

static void checks_a_delete_response(void)
{
	static const uint8_t unknown_field[] = {0x22, 0x01, 0xff, 0x10, 0x07};
	static const uint8_t wrong_wire[] = {0x0a, 0x01, 0x05};
	static const uint8_t bad_timestamp[] = {0x1a, 0x01, 0x08};
	static const uint8_t text_timestamp[] = {0x1a, 0x03, 0x0a, 0x01, 'x'};
	CHECK(delete_response_is_valid(NULL, 0));
	CHECK(delete_response_is_valid(unknown_field, sizeof unknown_field));
	CHECK(!delete_response_is_valid(wrong_wire, sizeof wrong_wire));
	CHECK(!delete_response_is_valid(bad_timestamp, sizeof bad_timestamp));
	CHECK(!delete_response_is_valid(text_timestamp, sizeof text_timestamp));
}

static void reads_every_kind_of_field(void)
{
	static const uint8_t data[] = {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x11,
								   1,    2,    3,    4,    5,    6,    7,    8,    0x1a, 0x00, 0x25, 1,
								   2,    3,    4,    0xfa, 0xff, 0xff, 0xff, 0x0f, 0x01, 'x'};
	struct proto_reader reader;
	struct proto_field field;
	proto_reader_init(&reader, data, sizeof data);
	CHECK(proto_read_field(&reader, &field) && field.number == 1 && field.value == UINT64_MAX);
	CHECK(proto_read_field(&reader, &field) && field.number == 2 && field.value == 0x0807060504030201);
	CHECK(proto_read_field(&reader, &field) && field.number == 3 && field.size == 0);
	CHECK(proto_read_field(&reader, &field) && field.number == 4 && field.value == 0x04030201);
	CHECK(proto_read_field(&reader, &field) && field.number == (1U << 29) - 1 && field.bytes[0] == 'x');
	CHECK(!proto_read_field(&reader, &field) && !reader.malformed);
}

static void refuses_every_malformed_message(void)
{
	static const struct {
		uint8_t data[16];
		size_t size;
	} bad[] = {
		{{0x80}, 1},                                                                    // a key that ends early
		{{0x00, 0x00}, 2},                                                              // field number 0
		{{0x08}, 1},                                                                    // no value
		{{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}, 11},       // more than 64 bits
		{{0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, 12}, // more than ten bytes
		{{0x0a, 0x05, 'x'}, 3},                                                         // longer than the message
		{{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, 11},       // a length of 2^64 - 1
		{{0x0b}, 1},                                                                    // a group
		{{0x0e}, 1},                                                                    // no such wire type
		{{0x09, 1, 2, 3, 4, 5, 6, 7}, 8},                                               // 7 bytes of 8
		{{0x0d, 1, 2, 3}, 4},                                                           // 3 bytes of 4
		{{0x82, 0x80, 0x80, 0x80, 0x10, 0x00}, 6},                                      // field number 2^29
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct proto_reader reader;
		struct proto_field field;
		proto_reader_init(&reader, bad[i].data, bad[i].size);
		CHECK(!proto_read_field(&reader, &field));
		CHECK(reader.malformed);
		CHECK(!proto_read_field(&reader, &field));
	}
}

static void never_writes_past_the_buffer(void)
{
	uint8_t data[8];
	for (size_t size = 0; size <= sizeof data; size++) {
		struct proto_writer writer;
		proto_writer_init(&writer, data, size);
		proto_write_string_field(&writer, 1, "1234");
		CHECK(writer.overflow == (size < 6));
		proto_write_string_field(&writer, 1, "123456789");
		CHECK(writer.overflow && writer.used <= size);
	}
}

static bool next_is_text(struct proto_reader *reader, uint32_t number, const char *text)
{
	struct proto_field field;
	return proto_read_field(reader, &field) && field.number == number && field.wire == PROTO_BYTES &&
		   field.size == strlen(text) && memcmp(field.bytes, text, field.size) == 0;
}

static void encodes_a_cleanup_request(void)
{
	uint8_t frame[DAEMON_REQUEST_SIZE];
	struct ttrpc_header header;
	struct proto_reader request;
	struct proto_reader inner;
	struct proto_field field;
	size_t size = cleanup_request_encode(frame, "default", "hello", "/run/b", 4500000000);
	CHECK(size > TTRPC_HEADER_SIZE);
	ttrpc_header_decode(frame, &header);
	CHECK(header.size == size - TTRPC_HEADER_SIZE && header.stream == 1 && header.type == 1 && header.flags == 0);

	proto_reader_init(&request, frame + TTRPC_HEADER_SIZE, header.size);
	CHECK(next_is_text(&request, 1, "proxmox.lxcri.v1.Shim"));
	CHECK(next_is_text(&request, 2, "Cleanup"));
	CHECK(proto_read_field(&request, &field) && field.number == 3);
	proto_reader_init(&inner, field.bytes, field.size);
	CHECK(next_is_text(&inner, 1, "default") && next_is_text(&inner, 2, "hello") && next_is_text(&inner, 3, "/run/b"));
	CHECK(proto_read_field(&request, &field) && field.number == 4 && field.value == 4500000000);
	CHECK(proto_read_field(&request, &field) && field.number == 5);
	proto_reader_init(&inner, field.bytes, field.size);
	CHECK(next_is_text(&inner, 1, "containerd-namespace-ttrpc") && next_is_text(&inner, 2, "default"));
	CHECK(!proto_read_field(&request, &field) && !request.malformed);
}

static void refuses_a_request_that_does_not_fit(void)
{
	static uint8_t frame[DAEMON_REQUEST_SIZE];
	static char bundle[DAEMON_REQUEST_SIZE + 1];
	memset(bundle, 'x', sizeof bundle - 1);
	CHECK(cleanup_request_encode(frame, "n", "i", bundle, 1) == 0);
	bundle[PATH_MAX - 1] = '\0';
	CHECK(cleanup_request_encode(frame, "n", "i", bundle, 1) > PATH_MAX);
}

/** Puts a frame at the end of a stream. */
static void add_frame(uint8_t *stream, size_t *used, uint32_t id, uint8_t type, const void *data, size_t size)
{
	const struct ttrpc_header header = {.size = (uint32_t)size, .stream = id, .type = type};
	ttrpc_header_encode(stream + *used, &header);
	memcpy(stream + *used + TTRPC_HEADER_SIZE, data, size);
	*used += TTRPC_HEADER_SIZE + size;
}

// Response {payload: DeleteResponse {exit_status: 7}}
static const uint8_t response[] = {0x12, 0x02, 0x10, 0x07};

static void reads_a_reply_in_any_pieces(void)
{
	static uint8_t stream[8192];
	static uint8_t other[3000];
	static struct reply_reader reader;
	size_t used = 0;
	add_frame(stream, &used, 1, 3, other, sizeof other);
	add_frame(stream, &used, 3, TTRPC_RESPONSE, other, 10);
	add_frame(stream, &used, 1, 99, other, 0);
	add_frame(stream, &used, 1, TTRPC_RESPONSE, response, sizeof response);
	for (size_t piece = 1; piece <= used; piece += piece < 40 ? 1 : 97) {
		reply_reader_init(&reader);
		size_t position = 0;
		enum reply_state state = REPLY_INCOMPLETE;
		while (state == REPLY_INCOMPLETE && position < used) {
			size_t size = used - position < piece ? used - position : piece;
			state = reply_reader_feed(&reader, stream + position, size);
			position += size;
		}
		CHECK(state == REPLY_COMPLETE && position == used);
		CHECK(reader.body_used == sizeof response && memcmp(reader.body, response, sizeof response) == 0);
	}
}

static void refuses_a_reply_that_is_too_large(void)
{
	static struct reply_reader reader;
	static uint8_t data[REPLY_BODY_MAX];
	uint8_t frame[TTRPC_HEADER_SIZE];
	struct ttrpc_header header = {.size = REPLY_BODY_MAX, .stream = 1, .type = TTRPC_RESPONSE};
	ttrpc_header_encode(frame, &header);
	reply_reader_init(&reader);
	CHECK(reply_reader_feed(&reader, frame, sizeof frame) == REPLY_INCOMPLETE);
	CHECK(reply_reader_feed(&reader, data, sizeof data) == REPLY_COMPLETE);

	header.size++;
	ttrpc_header_encode(frame, &header);
	reply_reader_init(&reader);
	CHECK(reply_reader_feed(&reader, frame, sizeof frame) == REPLY_MALFORMED);

	header.stream = 3;
	header.size = TTRPC_DATA_MAX + 1;
	ttrpc_header_encode(frame, &header);
	reply_reader_init(&reader);
	CHECK(reply_reader_feed(&reader, frame, sizeof frame) == REPLY_MALFORMED);

	static const uint8_t http[] = "HTTP/1.1 400 Bad Request\r\n";
	reply_reader_init(&reader);
	CHECK(reply_reader_feed(&reader, http, sizeof http) == REPLY_MALFORMED);
}

static void interprets_a_reply(void)
{
	struct daemon_reply reply;
	CHECK(daemon_reply_parse(response, sizeof response, &reply));
	CHECK(reply.status == 0 && reply.delete_response_size == 2 && reply.delete_response == response + 2);
	CHECK(daemon_reply_parse(NULL, 0, &reply) && reply.delete_response_size == 0);

	static const uint8_t refusal[] = {0x0a, 0x06, 0x08, 0x05, 0x12, 0x02, 'n', 'o'};
	CHECK(daemon_reply_parse(refusal, sizeof refusal, &reply));
	CHECK(reply.status == 5 && reply.message_size == 2 && memcmp(reply.message, "no", 2) == 0);
	static const uint8_t success[] = {0x0a, 0x00, 0x12, 0x00};
	CHECK(daemon_reply_parse(success, sizeof success, &reply) && reply.status == 0);
	static const uint8_t future[] = {0x0a, 0x04, 0x1a, 0x02, 'x', 'y', 0x12, 0x00, 0x1a, 0x01, 'z'};
	CHECK(daemon_reply_parse(future, sizeof future, &reply) && reply.status == 0);
}

static void refuses_a_reply_that_is_none(void)
{
	struct daemon_reply reply;
	static const uint8_t bad_payload[] = {0x12, 0x01, 0x10};
	static const uint8_t number_as_payload[] = {0x10, 0x01};
	static const uint8_t bad_status[] = {0x0a, 0x01, 0x08};
	static const uint8_t cut[] = {0x12, 0x02, 0x10};
	CHECK(!daemon_reply_parse(bad_payload, sizeof bad_payload, &reply));
	CHECK(!daemon_reply_parse(number_as_payload, sizeof number_as_payload, &reply));
	CHECK(!daemon_reply_parse(bad_status, sizeof bad_status, &reply));
	CHECK(!daemon_reply_parse(cut, sizeof cut, &reply));
}

static void encodes_runtime_info(void)
{
	static uint8_t data[RUNTIME_INFO_SIZE];
	static const uint8_t options[] = {0x0a, 0x01, 't'};
	struct runtime_info info = {
		.name = "io.containerd.lxcri.v1",
		.version = "1.2.3",
		.revision = "abc",
		.options = options,
		.options_size = sizeof options,
		.features = "{}",
		.features_size = 2,
	};
	struct proto_reader reader;
	struct proto_reader inner;
	struct proto_field field;
	proto_reader_init(&reader, data, runtime_info_encode(data, &info));
	CHECK(next_is_text(&reader, 1, "io.containerd.lxcri.v1"));
	CHECK(proto_read_field(&reader, &field) && field.number == 2);
	proto_reader_init(&inner, field.bytes, field.size);
	CHECK(next_is_text(&inner, 1, "1.2.3") && next_is_text(&inner, 2, "abc"));
	CHECK(proto_read_field(&reader, &field) && field.number == 3 && field.size == sizeof options);
	CHECK(proto_read_field(&reader, &field) && field.number == 4);
	proto_reader_init(&inner, field.bytes, field.size);
	CHECK(next_is_text(&inner, 1, "types.containerd.io/opencontainers/runtime-spec/1/features/Features"));
	CHECK(next_is_text(&inner, 2, "{}"));
	CHECK(!proto_read_field(&reader, &field) && !reader.malformed);

	static char large[RUNTIME_INFO_SIZE];
	info.features = large;
	info.features_size = sizeof large;
	CHECK(runtime_info_encode(data, &info) == 0);
}

static void names_the_runtime_by_the_program(void)
{
	static const char *const cases[][2] = {
		{"containerd-shim-lxcri-v1", "io.containerd.lxcri.v1"},
		{"containerd-shim-lxcri-pve-v1", "io.containerd.lxcri-pve.v1"},
		{"containerd-shim-lxcri-crun-v2", "io.containerd.lxcri-crun.v2"},
		{"something-else", "io.containerd.lxcri.v1"},
		{"containerd-shim-", "io.containerd.lxcri.v1"},
		{"containerd-shim-x", "io.containerd.lxcri.v1"},
		{"containerd-shim--v1", "io.containerd.lxcri.v1"},
		{"containerd-shim-x-", "io.containerd.lxcri.v1"},
		{"", "io.containerd.lxcri.v1"},
	};
	char name[64];
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		runtime_name_of_program(cases[i][0], name, sizeof name);
		CHECK_TEXT(name, cases[i][1]);
	}
}

static const struct check_test tests[] = {
	{TEST(encodes_a_delete_response)},           {TEST(checks_a_delete_response)},
	{TEST(reads_every_kind_of_field)},           {TEST(refuses_every_malformed_message)},
	{TEST(never_writes_past_the_buffer)},        {TEST(encodes_a_cleanup_request)},
	{TEST(refuses_a_request_that_does_not_fit)}, {TEST(reads_a_reply_in_any_pieces)},
	{TEST(refuses_a_reply_that_is_too_large)},   {TEST(interprets_a_reply)},
	{TEST(refuses_a_reply_that_is_none)},        {TEST(encodes_runtime_info)},
	{TEST(names_the_runtime_by_the_program)},
};

CHECK_MAIN(tests)
