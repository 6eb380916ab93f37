/*
 * A relay between a client and a daemon who both say what they like, die and come again. Whatever they do: nothing is
 * touched that is not ours, nothing is left, and the buffers keep their bounds. The input is a list of steps, each a
 * byte for what is done and one for how much of it; what is said comes from the input too.
 */

#include "host/ttrpc-frame.h"
#include "relay-world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct script {
	const uint8_t *data;
	size_t size;
};

static uint8_t next_byte(struct script *script)
{
	if (script->size == 0)
		return 0;
	script->size--;
	return *script->data++;
}

/** Says bytes of the script as they are. */
static void say_anything(struct script *script, int fd, size_t length)
{
	size_t part = length < script->size ? length : script->size;
	if (fd >= 0 && part > 0 && send(fd, script->data, part, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		part = 0;
	script->data += part;
	script->size -= part;
}

/** Says a frame with a sound header, so that more than the check of headers is met; some are large. */
static void say_frame(struct script *script, int fd, uint8_t type, size_t amount)
{
	static const uint8_t filler[70000];
	uint32_t stream = next_byte(script);
	size_t length = amount < 0xf0 ? amount : (amount - 0xef) * 4096;
	uint8_t header[TTRPC_HEADER_SIZE];
	ttrpc_header_encode(header, &(struct ttrpc_header){.size = (uint32_t)length, .stream = stream, .type = type});
	if (fd >= 0 && send(fd, header, sizeof header, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
		send(fd, filler, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void take(int fd, size_t length)
{
	uint8_t nowhere[65536];
	if (fd >= 0)
		recv(fd, nowhere, length * 256, MSG_DONTWAIT);
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void replace_daemon(struct relay_world *world)
{
	close_end(&world->daemon);
	relay_detach(&world->relay);
	if (!world->ended && relay_needs_daemon(&world->relay))
		world_attach(world);
}

static void step(struct relay_world *world, struct script *script)
{
	uint8_t what = next_byte(script) % 12;
	size_t amount = next_byte(script);
	switch (what) {
		case 0:
			say_anything(script, world->client, amount);
			break;
		case 1:
			say_anything(script, world->daemon, amount);
			break;
		case 2:
			say_frame(script, world->client, TTRPC_REQUEST, amount);
			break;
		case 3:
			say_frame(script, world->daemon, TTRPC_RESPONSE, amount);
			break;
		case 4:
			take(world->client, amount);
			break;
		case 5:
			take(world->daemon, amount);
			break;
		case 6:
		case 7:
			replace_daemon(world);
			break;
		case 8:
			relay_hold(&world->relay);
			break;
		case 9:
			if (world->daemon < 0 && relay_needs_daemon(&world->relay))
				relay_refuse(&world->relay, "no daemon");
			break;
		case 10:
			if (amount > 200)
				shutdown(world->client, SHUT_WR);
			break;
		case 11:
			if (amount > 240)
				close_end(&world->client);
			else if (amount > 200)
				close_end(&world->daemon);
			break;
	}
}

static void check_bounds(const struct relay_world *world)
{
	const struct relay *relay = &world->relay;
	if (relay->kept.bytes > RELAY_BUFFER_MAX)
		abort();
	if (relay->answers.queue.bytes > RELAY_BUFFER_MAX + TTRPC_DATA_MAX)
		abort();
	if ((relay->kept.count == 0) != (relay->kept.first == NULL))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct relay_world world;
	struct script script = {.data = data, .size = size};
	world_open(&world);
	while (script.size > 0 && !world.ended) {
		step(&world, &script);
		world_settle(&world);
		if (!world.ended)
			check_bounds(&world);
	}
	world_close(&world);
	return 0;
}
