#include "publisher.h"

#include "host/ttrpc-frame.h"
#include "host/unix-socket.h"
#include "keeper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define CONNECT_AGAIN_MS 5

static void tell(struct keeper *keeper, const char *key, char how, const void *data, size_t size)
{
	char head[1024];
	size_t length = strlen(key) + 1;
	if (length >= sizeof head)
		return;
	memcpy(head, key, length);
	head[length] = how;
	daemon_life_tell(keeper, CONTROL_PUBLISHED, head, length + 1, data, size);
}

static void tell_failure(struct keeper *keeper, const char *key, const char *text)
{
	tell(keeper, key, 'F', text, strlen(text));
}

static void tell_answer(struct keeper *keeper, struct publication *publication)
{
	tell(keeper, publication->key, 'A', frame_data(publication->answer), frame_data_size(publication->answer));
}

/** Takes one out of the list and frees it. */
static void forget(struct publisher *publisher, struct publication **link)
{
	struct publication *publication = *link;
	*link = publication->next;
	if (publication->answer)
		publisher->answers--;
	free(publication->answer);
	free(publication);
}

static struct publication **find(struct publisher *publisher, const char *key)
{
	struct publication **link = &publisher->first;
	while (*link && strcmp((*link)->key, key) != 0)
		link = &(*link)->next;
	return link;
}

static void forget_oldest_answer(struct publisher *publisher)
{
	struct publication **link = &publisher->first;
	while (*link && !(*link)->answer)
		link = &(*link)->next;
	if (*link)
		forget(publisher, link);
}

/** The connection is gone: what it had in flight may or may not have been done. */
static void lose(struct sink *sink, const char *text)
{
	struct publisher *publisher = &sink->keeper->publisher;
	watch_close(&sink->watch);
	timer_stop(&sink->keeper->loop, &sink->again);
	frame_reader_reset(&sink->reader);
	frame_output_clear(&sink->output);
	sink->last_stream = 0;
	struct publication **link = &publisher->first;
	while (*link) {
		if ((*link)->sink != sink) {
			link = &(*link)->next;
			continue;
		}
		tell_failure(sink->keeper, (*link)->key, text);
		forget(publisher, link);
	}
}

static void lose_by(struct sink *sink, const char *what, int error)
{
	char text[512];
	snprintf(text, sizeof text, "%s %.200s: %s", what, sink->address, strerror(error));
	lose(sink, text);
}

static bool take_answer(void *context, struct frame *frame)
{
	struct sink *sink = context;
	struct publisher *publisher = &sink->keeper->publisher;
	struct publication *publication = publisher->first;
	while (publication && (publication->sink != sink || publication->stream != frame->stream))
		publication = publication->next;
	if (!publication || frame->type != TTRPC_RESPONSE) {
		free(frame);
		return true;
	}
	if (publisher->answers == ANSWERS_MAX)
		forget_oldest_answer(publisher);
	publisher->answers++;
	publication->sink = NULL;
	publication->answer = frame;
	tell_answer(sink->keeper, publication);
	return true;
}

static void flush(struct sink *sink)
{
	// A connection that fails is told by its next event.
	frame_output_flush(&sink->output, sink->watch.fd);
	watch_events(&sink->watch, EPOLLIN | (sink->output.queue.first ? EPOLLOUT : 0U));
}

static void on_sink(struct watch *watch, uint32_t events)
{
	struct sink *sink = watch->owner;
	bool has_news = events & (EPOLLIN | EPOLLHUP | EPOLLERR);
	if (has_news && !frame_reader_read_all(&sink->reader, watch->fd, take_answer, sink))
		lose_by(sink, "the connection ended before the answer of", ECONNRESET);
	else
		flush(sink);
}

static void connect_sink(struct sink *sink)
{
	int fd = unix_connect(sink->address);
	if (fd < 0 && errno == EAGAIN)
		timer_start(&sink->keeper->loop, &sink->again, CONNECT_AGAIN_MS);
	else if (fd < 0 || watch_open(&sink->keeper->loop, &sink->watch, fd, EPOLLIN) != 0)
		lose_by(sink, "cannot connect to", errno);
	else
		flush(sink);
}

static void connect_again(struct timer *timer)
{
	connect_sink(timer->owner);
}

static struct sink *sink_of(struct keeper *keeper, const char *address)
{
	struct sink *sink = keeper->publisher.sinks;
	while (sink && strcmp(sink->address, address) != 0)
		sink = sink->next;
	if (sink)
		return sink;
	sink = calloc(1, sizeof *sink + strlen(address) + 1);
	if (!sink)
		return NULL;
	strcpy(sink->address, address);
	sink->keeper = keeper;
	sink->watch = (struct watch){.fd = -1, .ready = on_sink, .owner = sink};
	sink->again = (struct timer){.due = connect_again, .owner = sink};
	sink->next = keeper->publisher.sinks;
	keeper->publisher.sinks = sink;
	return sink;
}

/** `place` is the end of the list. 0, or -1: there is no memory. */
static int send_to(struct sink *sink, struct publication **place, const char *key, struct control_data data)
{
	struct publication *publication = calloc(1, sizeof *publication + strlen(key) + 1);
	uint32_t stream = sink->last_stream ? sink->last_stream + 2 : 1;
	struct frame *frame = frame_new(stream, TTRPC_REQUEST, 0, data.bytes, data.size);
	if (!publication || !frame) {
		free(publication);
		free(frame);
		return -1;
	}
	strcpy(publication->key, key);
	publication->sink = sink;
	publication->stream = sink->last_stream = stream;
	*place = publication;
	frame_queue_push(&sink->output.queue, frame);
	if (sink->watch.fd >= 0)
		flush(sink);
	else if (!sink->again.running)
		connect_sink(sink);
	return 0;
}

void publisher_publish(struct keeper *keeper, struct control_data data)
{
	const char *key = control_data_word(&data);
	const char *address = key ? control_data_word(&data) : NULL;
	if (!address)
		return;
	struct publication **place = find(&keeper->publisher, key);
	if (*place) {
		if ((*place)->answer)
			tell_answer(keeper, *place);
		return;
	}
	struct sink *sink = sink_of(keeper, address);
	if (sink && sink->output.queue.bytes + data.size > SINK_BUFFER_MAX)
		tell_failure(keeper, key, "containerd takes no more for now");
	else if (!sink || send_to(sink, place, key, data) != 0)
		tell_failure(keeper, key, "there is no memory");
}

void publisher_recorded(struct keeper *keeper, struct control_data data)
{
	const char *key = control_data_word(&data);
	struct publication **link = key ? find(&keeper->publisher, key) : NULL;
	if (link && *link && (*link)->answer)
		forget(&keeper->publisher, link);
}

void publisher_close(struct keeper *keeper)
{
	struct publisher *publisher = &keeper->publisher;
	while (publisher->first)
		forget(publisher, &publisher->first);
	while (publisher->sinks) {
		struct sink *sink = publisher->sinks;
		publisher->sinks = sink->next;
		watch_close(&sink->watch);
		timer_stop(&keeper->loop, &sink->again);
		frame_reader_reset(&sink->reader);
		frame_output_clear(&sink->output);
		free(sink);
	}
}
