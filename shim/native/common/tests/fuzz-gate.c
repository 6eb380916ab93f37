/*
 * Receives any packets, with any number of descriptors: the first byte of the input says how many, and how much room
 * the receiver has. No descriptor may be left open, and no byte written outside the room.
 */
#include "gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_DESCRIPTORS 80
#define GUARD 0x5a

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int condition)
{
	if (!condition)
		abort();
}

/* Descriptors are given out from the lowest: the next one says whether any was left open. */
static int next_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	demand(fd >= 0);
	close(fd);
	return fd;
}

static void send_packet(int fd, const uint8_t *data, size_t size, size_t count)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * MAX_DESCRIPTORS)];
	} control;
	struct iovec part = {(void *)data, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (count) {
		memset(&control, 0, sizeof(control));
		message.msg_control = control.space;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int) * count);
		for (size_t i = 0; i < count; i++)
			memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &fd, sizeof(fd));
	}
	demand(sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t sent, fd_room, room, count, used;
	uint8_t buffer[64 + 1];
	int pair[2], fds[MAX_DESCRIPTORS], before, type;

	if (size < 2 || size > 200)
		return 0;
	sent = data[0] % (MAX_DESCRIPTORS + 1);
	fd_room = count = data[1] % (GATE_BATCH + 1);
	room = used = data[1] % 64;
	data += 2;
	size -= 2;
	demand(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	before = next_descriptor();
	memset(buffer, GUARD, sizeof(buffer));

	send_packet(pair[0], data, size, sent);
	type = gate_receive(pair[1], buffer, &used, fds, &count, NULL);
	demand(buffer[room] == GUARD);
	if (type > 0) {
		demand(type == data[0] && used == size - 1 && used <= room && sent <= GATE_BATCH + 8);
		demand(memcmp(buffer, data + 1, used) == 0);
		demand(count == (sent < fd_room ? sent : fd_room));
	} else {
		demand(count == 0);
		demand(type == 0 ? size == 0 : errno == EMSGSIZE);
	}
	while (count > 0)
		close(fds[--count]);
	demand(next_descriptor() == before);
	close(pair[0]);
	close(pair[1]);
	return 0;
}
