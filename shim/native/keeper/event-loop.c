#include "event-loop.h"

#include "host/deadline.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

int event_loop_open(struct event_loop *loop)
{
	loop->timers = NULL;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll_fd < 0 ? -1 : 0;
}

void event_loop_close(struct event_loop *loop)
{
	close(loop->epoll_fd);
}

int watch_open(struct event_loop *loop, struct watch *watch, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
		int error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	watch->fd = fd;
	watch->epoll_fd = loop->epoll_fd;
	watch->events = events;
	return 0;
}

void watch_events(struct watch *watch, uint32_t events)
{
	if (watch->fd < 0 || watch->events == events)
		return;
	struct epoll_event event = {.events = events, .data.ptr = watch};
	watch->events = events;
	// Only a descriptor that is not there can make this fail.
	epoll_ctl(watch->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void watch_close(struct watch *watch)
{
	if (watch->fd < 0)
		return;
	// Closing alone would leave it in the epoll set as long as a child before its exec has a copy.
	epoll_ctl(watch->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	close(watch->fd);
	watch->fd = -1;
}

void timer_stop(struct event_loop *loop, struct timer *timer)
{
	for (struct timer **link = &loop->timers; *link; link = &(*link)->next) {
		if (*link == timer) {
			*link = timer->next;
			break;
		}
	}
	timer->running = false;
}

void timer_start(struct event_loop *loop, struct timer *timer, int64_t milliseconds)
{
	if (timer->running)
		timer_stop(loop, timer);
	timer->at = deadline_in_ms(milliseconds);
	timer->running = true;
	timer->next = loop->timers;
	loop->timers = timer;
}

static struct timer *next_timer(const struct event_loop *loop)
{
	struct timer *first = loop->timers;
	for (struct timer *timer = first; timer; timer = timer->next) {
		if (timer->at < first->at)
			first = timer;
	}
	return first;
}

static int wait_limit(const struct timer *timer, int max_ms)
{
	if (!timer)
		return max_ms;
	int left = deadline_left_ms(timer->at);
	return max_ms >= 0 && max_ms < left ? max_ms : left;
}

bool event_loop_step(struct event_loop *loop, int max_ms)
{
	struct epoll_event event;
	struct timer *timer = next_timer(loop);
	int count = epoll_wait(loop->epoll_fd, &event, 1, wait_limit(timer, max_ms));
	// Timers first: events that come without pause must not keep them waiting.
	if (timer && deadline_left_ns(timer->at) == 0) {
		timer_stop(loop, timer);
		timer->due(timer);
		return true;
	}
	if (count <= 0)
		return false;
	struct watch *watch = event.data.ptr;
	watch->ready(watch, event.events);
	return true;
}
