#include "relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define PIECE_SIZE 16384

/** False: the connection is broken. */
static bool send_rest(struct raw_stream *stream, int to)
{
	while (stream->rest && stream->sent < stream->size) {
		ssize_t count = send(to, stream->rest + stream->sent, stream->size - stream->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (count >= 0)
			stream->sent += (size_t)count;
		else if (errno != EINTR)
			return errno == EAGAIN;
	}
	free(stream->rest);
	stream->rest = NULL;
	if (stream->ended && !stream->shut) {
		stream->shut = true;
		shutdown(to, SHUT_WR);
	}
	return true;
}

static bool copy_piece(struct raw_stream *stream, int from, int to)
{
	uint8_t piece[PIECE_SIZE];
	if (stream->rest || stream->ended)
		return true;
	ssize_t got = recv(from, piece, sizeof piece, MSG_DONTWAIT);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	if (got == 0) {
		stream->ended = true;
		return send_rest(stream, to);
	}
	stream->rest = malloc((size_t)got);
	if (!stream->rest)
		return false;
	memcpy(stream->rest, piece, (size_t)got);
	stream->size = (size_t)got;
	stream->sent = 0;
	return send_rest(stream, to);
}

void relay_raw_send(struct relay *relay)
{
	if (!relay->sending || !relay->introduction)
		return;
	if (frame_send(relay->introduction, &relay->sent, relay->daemon.fd) != SEND_DONE)
		return;
	free(relay->introduction);
	relay->introduction = NULL;
}

void relay_raw_on_client(struct relay *relay, uint32_t events)
{
	bool good = !(events & (EPOLLHUP | EPOLLERR));
	if (good && (events & EPOLLIN) && relay->sending && !relay->introduction)
		good = copy_piece(&relay->to_daemon, relay->client.fd, relay->daemon.fd);
	if (good && (events & EPOLLOUT))
		good = send_rest(&relay->to_client, relay->client.fd);
	if (!good)
		relay_drop_client(relay);
	else
		relay_settle(relay);
}

void relay_raw_on_daemon(struct relay *relay, uint32_t events)
{
	bool good = true;
	relay_raw_send(relay);
	if ((events & EPOLLOUT) && !relay->introduction)
		good = send_rest(&relay->to_daemon, relay->daemon.fd);
	if (good && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		good = copy_piece(&relay->to_client, relay->daemon.fd, relay->client.fd);
	// A daemon that is gone is the end, once what it had to say is said; for a client that does not listen, at once.
	if ((events & (EPOLLHUP | EPOLLERR)) && (relay->to_client.ended || relay->to_client.rest))
		good = false;
	if (!good)
		relay_drop_client(relay);
	else
		relay_settle(relay);
}
