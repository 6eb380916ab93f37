#include "host/ttrpc-frame.h"
#include "relay-world.h"
#include "testing/check.h"
#include "testing/descriptors.h"

#include <errno.h>

static struct relay_world world;

static void say(int fd, uint32_t stream, uint8_t type, const void *data, size_t size)
{
	struct frame *frame = frame_new(stream, type, 0, data, size);
	size_t sent = 0;
	while (frame_send(frame, &sent, fd) == SEND_BLOCKED)
		world_settle(&world);
	CHECK(sent == frame->size);
	free(frame);
	world_settle(&world);
}

static void ask(uint32_t stream, const char *text)
{
	say(world.client, stream, TTRPC_REQUEST, text, strlen(text));
}

static void answer(uint32_t stream, const char *text)
{
	say(world.daemon, stream, TTRPC_RESPONSE, text, strlen(text));
}

/** The next frame at one end has to be this one. */
static void expect(int fd, uint32_t stream, uint8_t type, const void *data, size_t size)
{
	struct frame_reader reader = {0};
	struct frame *frame = NULL;
	world_settle(&world);
	CHECK(frame_reader_read(&reader, fd, SIZE_MAX, &frame) == READ_WHOLE);
	CHECK(frame->stream == stream && frame->type == type && frame_data_size(frame) == size);
	CHECK(memcmp(frame_data(frame), data, size) == 0);
	free(frame);
}

static void expect_introduction(const char *last)
{
	char data[64] = "default\0007";
	size_t size = strlen("default") + 1 + strlen("7") + 1;
	strcpy(data + size, last);
	expect(world.daemon, 0, FRAME_INTRODUCTION, data, size + strlen(last) + 1);
}

static void expect_request(uint32_t stream, const char *text)
{
	expect(world.daemon, stream, TTRPC_REQUEST, text, strlen(text));
}

static void expect_answer(uint32_t stream, const char *text)
{
	expect(world.client, stream, TTRPC_RESPONSE, text, strlen(text));
}

static void expect_nothing(int fd)
{
	char byte;
	world_settle(&world);
	CHECK(recv(fd, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
}

static void expect_end(int fd)
{
	char byte;
	world_settle(&world);
	CHECK(recv(fd, &byte, 1, MSG_DONTWAIT) == 0);
}

/** What a kill -9 of the daemon does. */
static void kill_daemon(void)
{
	close(world.daemon);
	world.daemon = -1;
	relay_detach(&world.relay);
}

static void asks_for_a_daemon_and_introduces_itself(void)
{
	world_open(&world);
	CHECK(!relay_needs_daemon(&world.relay));
	ask(1, "one");
	CHECK(world.waits == 1 && relay_needs_daemon(&world.relay) && relay_has_unsent(&world.relay));
	world_attach(&world);
	expect_introduction("0");
	expect_request(1, "one");
	CHECK(world.sent == 1 && !relay_has_unsent(&world.relay));
	answer(1, "yes");
	expect_answer(1, "yes");
	CHECK(world.answered == 1 && !relay_needs_daemon(&world.relay) && world.relay.kept.bytes == 0);
	ask(3, "two");
	expect_request(3, "two");
	CHECK(world.waits == 1);
	world_close(&world);
}

static void gives_what_has_no_answer_to_the_next_daemon(void)
{
	world_open(&world);
	ask(1, "a");
	ask(3, "b");
	ask(5, "c");
	world_attach(&world);
	answer(1, "A");
	kill_daemon();
	ask(7, "d");
	CHECK(world.relay.kept.count == 3);
	world_attach(&world);
	expect_introduction("2");
	expect_request(3, "b");
	expect_request(5, "c");
	expect_request(7, "d");
	expect_answer(1, "A");
	for (uint32_t stream = 7; stream >= 3; stream -= 2)
		answer(stream, "x");
	kill_daemon();
	CHECK(!relay_needs_daemon(&world.relay));
	ask(9, "e");
	world_attach(&world);
	expect_introduction("8");
	world_close(&world);
}

static void takes_what_a_dead_daemon_has_said_and_drops_half_of_it(void)
{
	world_open(&world);
	ask(1, "a");
	ask(3, "b");
	world_attach(&world);
	world_settle(&world);
	struct frame *whole = frame_new(1, TTRPC_RESPONSE, 0, "whole", 5);
	struct frame *half = frame_new(3, TTRPC_RESPONSE, 0, "half", 4);
	CHECK(write(world.daemon, whole->bytes, whole->size) == (ssize_t)whole->size);
	CHECK(write(world.daemon, half->bytes, half->size - 1) == (ssize_t)half->size - 1);
	free(whole);
	free(half);
	kill_daemon();
	expect_answer(1, "whole");
	expect_nothing(world.client);
	world_attach(&world);
	expect_introduction("2");
	expect_request(3, "b");
	world_close(&world);
}

static void sends_nothing_to_a_daemon_that_leaves_but_hears_it(void)
{
	world_open(&world);
	ask(1, "a");
	world_attach(&world);
	expect_introduction("0");
	expect_request(1, "a");
	relay_hold(&world.relay);
	ask(3, "b");
	CHECK(world.waits == 2);
	expect_nothing(world.daemon);
	answer(1, "A");
	expect_answer(1, "A");
	// That it closes its side now is no protocol error.
	close(world.daemon);
	world_settle(&world);
	CHECK(world.forsaken == 1);
	world.daemon = -1;
	relay_detach(&world.relay);
	world_attach(&world);
	expect_introduction("2");
	expect_request(3, "b");
	world_close(&world);
}

static void drops_answers_that_nobody_waits_for(void)
{
	world_open(&world);
	ask(1, "a");
	world_attach(&world);
	answer(3, "not asked");
	say(world.daemon, 1, 9, "no response", 11);
	expect_nothing(world.client);
	answer(1, "A");
	answer(1, "again");
	expect_answer(1, "A");
	expect_nothing(world.client);
	world_close(&world);
}

static void refuses_all_when_no_daemon_will_come(void)
{
	// {status: {code: 14, message: "no"}}
	static const uint8_t status[] = {0x0a, 0x06, 0x08, 0x0e, 0x12, 0x02, 'n', 'o'};
	world_open(&world);
	ask(1, "a");
	ask(3, "b");
	relay_refuse(&world.relay, "no");
	expect(world.client, 1, TTRPC_RESPONSE, status, sizeof status);
	expect(world.client, 3, TTRPC_RESPONSE, status, sizeof status);
	CHECK(!relay_needs_daemon(&world.relay));
	ask(5, "c");
	world_attach(&world);
	expect_introduction("4");
	expect_request(5, "c");
	world_close(&world);
}

static void lets_the_daemon_read_to_the_end_when_the_client_is_gone(void)
{
	world_open(&world);
	ask(1, "a");
	world_attach(&world);
	close(world.client);
	world.client = -1;
	expect_introduction("0");
	expect_request(1, "a");
	expect_end(world.daemon);
	CHECK(!world.ended && !relay_needs_daemon(&world.relay));
	answer(1, "to nobody");
	close(world.daemon);
	world.daemon = -1;
	world_settle(&world);
	CHECK(world.ended && world.forsaken == 0);
	world_close(&world);
}

static void serves_a_client_that_only_says_no_more(void)
{
	world_open(&world);
	ask(1, "a");
	shutdown(world.client, SHUT_WR);
	world_attach(&world);
	expect_introduction("0");
	expect_request(1, "a");
	answer(1, "A");
	expect_answer(1, "A");
	expect_end(world.client);
	world_close(&world);
}

static void keeps_its_bounds_when_nobody_reads(void)
{
	static uint8_t data[1024 * 1024];
	world_open(&world);
	for (uint32_t stream = 1; stream < 30; stream += 2)
		ask(stream, "please");
	world_attach(&world);
	expect_introduction("0");
	size_t sent = 0;
	struct frame *frame = NULL;
	for (uint32_t stream = 1; stream < 30; stream += 2) {
		frame = frame_new(stream, TTRPC_RESPONSE, 0, data, sizeof data);
		sent = 0;
		while (frame_send(frame, &sent, world.daemon) == SEND_BLOCKED && event_loop_step(&world.loop, 0))
			CHECK(world.relay.answers.queue.bytes <= RELAY_BUFFER_MAX);
		if (sent < frame->size)
			break;
		free(frame);
		frame = NULL;
	}
	// The daemon has to wait, and the client gets all of what is there once it reads.
	CHECK(frame && world.relay.answers.queue.bytes > RELAY_BUFFER_MAX / 2);
	free(frame);
	CHECK(!event_loop_step(&world.loop, 0));
	world_close(&world);

	world_open(&world);
	world_attach(&world);
	for (uint32_t stream = 1; stream < 30; stream += 2) {
		frame = frame_new(stream, TTRPC_REQUEST, 0, data, sizeof data);
		for (sent = 0; frame_send(frame, &sent, world.client) == SEND_BLOCKED && event_loop_step(&world.loop, 0);)
			CHECK(world.relay.kept.bytes <= RELAY_BUFFER_MAX);
		bool blocked = sent < frame->size;
		free(frame);
		if (blocked)
			break;
	}
	CHECK(world.relay.kept.count == 7 && world.relay.full);
	world_close(&world);
}

static void leaves_nothing_open(void)
{
	int before = count_descriptors();
	world_open(&world);
	ask(1, "a");
	world_attach(&world);
	world_close(&world);
	CHECK(count_descriptors() == before);
}

static const struct check_test tests[] = {
	{TEST(asks_for_a_daemon_and_introduces_itself)},
	{TEST(gives_what_has_no_answer_to_the_next_daemon)},
	{TEST(takes_what_a_dead_daemon_has_said_and_drops_half_of_it)},
	{TEST(sends_nothing_to_a_daemon_that_leaves_but_hears_it)},
	{TEST(drops_answers_that_nobody_waits_for)},
	{TEST(refuses_all_when_no_daemon_will_come)},
	{TEST(lets_the_daemon_read_to_the_end_when_the_client_is_gone)},
	{TEST(serves_a_client_that_only_says_no_more)},
	{TEST(keeps_its_bounds_when_nobody_reads)},
	{TEST(leaves_nothing_open)},
};

CHECK_MAIN(tests)
