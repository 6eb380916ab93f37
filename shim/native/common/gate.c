#include "gate.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int) * GATE_BATCH) + CMSG_SPACE(sizeof(struct ucred))];
};

int gate_send(int fd, enum gate_message type, const void *data, size_t size, const int *fds, size_t count)
{
	char byte = (char)type;
	union control control;
	struct iovec parts[2] = {{&byte, 1}, {(void *)data, size}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = size ? 2 : 1};
	ssize_t sent;

	if (count > GATE_BATCH) {
		errno = EINVAL;
		return -1;
	}
	if (count) {
		struct cmsghdr *header;

		memset(&control, 0, sizeof(control));
		message.msg_control = control.space;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
	}
	do {
		sent = sendmsg(fd, &message, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -1 : 0;
}

static void take_descriptors(struct cmsghdr *header, int *fds, size_t room, size_t *count)
{
	size_t received = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	const unsigned char *data = CMSG_DATA(header);

	for (size_t i = 0; i < received; i++) {
		int fd;

		memcpy(&fd, data + i * sizeof(int), sizeof(fd));
		if (*count < room)
			fds[(*count)++] = fd;
		else
			close(fd);
	}
}

int gate_receive(int fd, void *data, size_t *size, int *fds, size_t *count, pid_t *pid)
{
	char byte = 0;
	union control control;
	struct iovec parts[2] = {{&byte, 1}, {data, size ? *size : 0}};
	struct msghdr message = {
		.msg_iov = parts,
		.msg_iovlen = size ? 2 : 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	size_t room = count ? *count : 0;
	size_t taken = 0;
	ssize_t received;

	/* A peer that ended before it read everything resets the socket, once; what it had said before is still there. */
	do {
		received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	} while (received < 0 && (errno == EINTR || errno == ECONNRESET));
	if (count)
		*count = 0;
	if (received < 0)
		return -1;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h; h = CMSG_NXTHDR(&message, h)) {
		if (h->cmsg_level != SOL_SOCKET)
			continue;
		if (h->cmsg_type == SCM_RIGHTS)
			take_descriptors(h, fds, room, &taken);
		if (h->cmsg_type == SCM_CREDENTIALS && pid) {
			struct ucred credentials;

			memcpy(&credentials, CMSG_DATA(h), sizeof(credentials));
			*pid = credentials.pid;
		}
	}
	/* Of a message that is not handed on whole, nothing is. Type 0 would be taken for the end. */
	if (received == 0 || byte == 0 || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		while (taken > 0)
			close(fds[--taken]);
		errno = EMSGSIZE;
		return received == 0 ? 0 : -1;
	}
	if (count)
		*count = taken;
	if (size)
		*size = (size_t)received - 1;
	return (unsigned char)byte;
}
