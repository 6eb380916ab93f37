#include "control-data.h"
#include "frame-reader.h"
#include "refusal.h"
#include "testing/check.h"

#include <sys/socket.h>
#include <unistd.h>

static int ends[2];
static struct frame_reader reader;

static void open_pair(void)
{
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
	reader = (struct frame_reader){0};
}

static void close_pair(void)
{
	frame_reader_reset(&reader);
	close(ends[0]);
	close(ends[1]);
}

static enum frame_read read_one(size_t room, struct frame **frame)
{
	*frame = NULL;
	return frame_reader_read(&reader, ends[0], room, frame);
}

static void takes_a_frame_in_whatever_pieces(void)
{
	struct frame *sent = frame_new(5, TTRPC_REQUEST, 1, "data", 4);
	struct frame *frame;
	open_pair();
	for (size_t i = 0; i < sent->size; i++) {
		CHECK(read_one(100, &frame) == READ_BLOCKED);
		CHECK(frame_reader_is_inside(&reader) == (i > 0));
		CHECK(write(ends[1], sent->bytes + i, 1) == 1);
	}
	CHECK(read_one(100, &frame) == READ_WHOLE);
	CHECK(frame->size == sent->size && memcmp(frame->bytes, sent->bytes, sent->size) == 0);
	CHECK(frame->stream == 5 && frame->type == TTRPC_REQUEST);
	CHECK(!frame_reader_is_inside(&reader));
	free(frame);
	free(sent);
	close_pair();
}

static void waits_for_room_without_reading_the_data(void)
{
	struct frame *sent = frame_new(1, TTRPC_REQUEST, 0, "data", 4);
	struct frame *frame;
	open_pair();
	CHECK(write(ends[1], sent->bytes, sent->size) == (ssize_t)sent->size);
	CHECK(read_one(13, &frame) == READ_NO_ROOM);
	CHECK(read_one(13, &frame) == READ_NO_ROOM);
	CHECK(read_one(14, &frame) == READ_WHOLE);
	free(frame);
	free(sent);
	close_pair();
}

static void passes_over_what_is_too_long(void)
{
	static const uint8_t data[100000];
	uint8_t header[TTRPC_HEADER_SIZE];
	struct frame *frame;
	size_t left = TTRPC_DATA_MAX + 1;
	open_pair();
	ttrpc_header_encode(header, &(struct ttrpc_header){.size = TTRPC_DATA_MAX + 1, .stream = 3, .type = 1});
	CHECK(write(ends[1], header, sizeof header) == sizeof header);
	while (left > 0) {
		size_t part = left < sizeof data ? left : sizeof data;
		CHECK(read_one(0, &frame) == READ_BLOCKED);
		CHECK(write(ends[1], data, part) == (ssize_t)part);
		left -= part;
	}
	CHECK(read_one(0, &frame) == READ_OVERSIZE && !frame && reader.header.stream == 3);
	ttrpc_header_encode(header, &(struct ttrpc_header){.stream = 5, .type = 1});
	CHECK(write(ends[1], header, sizeof header) == sizeof header);
	CHECK(read_one(100, &frame) == READ_WHOLE && frame_data_size(frame) == 0);
	free(frame);
	close_pair();
}

static void tells_an_end_from_nonsense(void)
{
	struct frame *frame;
	open_pair();
	CHECK(write(ends[1], "GET", 3) == 3);
	CHECK(read_one(100, &frame) == READ_FAILED);
	close_pair();
	open_pair();
	CHECK(write(ends[1], "\0\0", 2) == 2);
	CHECK(read_one(100, &frame) == READ_BLOCKED);
	CHECK(shutdown(ends[1], SHUT_WR) == 0);
	CHECK(read_one(100, &frame) == READ_ENDED);
	close_pair();
}

static void refuses_in_few_bytes(void)
{
	static const uint8_t expected[] = {0, 0, 0, 8, 0, 0, 0, 9, 2, 0, 0x0a, 6, 8, 3, 0x12, 2, 'n', 'o'};
	char text[5000];
	struct frame *frame = refusal_new(9, REFUSED_INVALID_ARGUMENT, "no");
	CHECK(frame->size == sizeof expected && memcmp(frame->bytes, expected, sizeof expected) == 0);
	free(frame);
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	frame = refusal_new(9, REFUSED_UNAVAILABLE, text);
	CHECK(frame->size > 1024 && frame->size < 1100);
	free(frame);
}

static void reads_words_and_numbers(void)
{
	const uint8_t bytes[] = "key\00017\0rest";
	struct control_data data = {.bytes = bytes, .size = sizeof bytes - 1};
	uint64_t number;
	CHECK_TEXT(control_data_word(&data), "key");
	CHECK(control_data_number(&data, &number) && number == 17);
	CHECK(data.size == 4 && memcmp(data.bytes, "rest", 4) == 0);
	CHECK(!control_data_word(&data));
	static const char *const wrong[] = {"", "-1", "1x", "99999999999999999999"};
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		data = (struct control_data){.bytes = (const uint8_t *)wrong[i], .size = strlen(wrong[i]) + 1};
		CHECK(!control_data_number(&data, &number));
	}
}

static const struct check_test tests[] = {
	{TEST(takes_a_frame_in_whatever_pieces)},
	{TEST(waits_for_room_without_reading_the_data)},
	{TEST(passes_over_what_is_too_long)},
	{TEST(tells_an_end_from_nonsense)},
	{TEST(refuses_in_few_bytes)},
	{TEST(reads_words_and_numbers)},
};

CHECK_MAIN(tests)
