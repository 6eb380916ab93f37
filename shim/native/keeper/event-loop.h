#ifndef LXCRI_EVENT_LOOP_H
#define LXCRI_EVENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct event_loop;

/** A descriptor that is waited for. Part of what owns it; WATCH_CLOSED: there is none. */
struct watch {
	int fd;
	int epoll_fd;
	uint32_t events;
	void (*ready)(struct watch *watch, uint32_t events);
	void *owner;
};

#define WATCH_CLOSED ((struct watch){.fd = -1})

/** A moment that is waited for. Part of what owns it; all zero: not running. */
struct timer {
	int64_t at; // monotonic, in nanoseconds
	bool running;
	void (*due)(struct timer *timer);
	void *owner;
	struct timer *next;
};

/** All that the keeper waits for. One event is taken at a time: so none can concern what another one has freed. */
struct event_loop {
	int epoll_fd;
	struct timer *timers;
};

/** 0, or -1 with errno. */
int event_loop_open(struct event_loop *loop);
void event_loop_close(struct event_loop *loop);

/** Takes the descriptor over; EPOLLHUP and EPOLLERR always count. 0, or -1 with errno and the descriptor closed. */
int watch_open(struct event_loop *loop, struct watch *watch, int fd, uint32_t events);

/** Changes what is waited for; nothing to do where that is the same. */
void watch_events(struct watch *watch, uint32_t events);

/** Closes the descriptor; harmless where there is none. */
void watch_close(struct watch *watch);

/** Starts the timer, or starts it anew. */
void timer_start(struct event_loop *loop, struct timer *timer, int64_t milliseconds);
void timer_stop(struct event_loop *loop, struct timer *timer);

/** Waits for one event or timer, at most so long (-1: without limit), and handles it. False: nothing happened. */
bool event_loop_step(struct event_loop *loop, int max_ms);

#endif
