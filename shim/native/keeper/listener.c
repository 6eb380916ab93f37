#include "listener.h"

#include "descriptor-limit.h"
#include "host/unix-socket.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_AGAIN_MS 100

/** The lowest free number is given, so one near the limit is among the last. */
static bool is_spare(const struct listener *listener, int fd)
{
	int limit = descriptor_limit();
	int spares = listener->spares < limit / 4 ? listener->spares : limit / 4;
	return fd >= limit - spares;
}

static void on_connection(struct watch *watch, uint32_t events)
{
	struct listener *listener = watch->owner;
	(void)events;
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 && is_spare(listener, fd)) {
		close(fd);
		return;
	}
	if (fd >= 0) {
		listener->accepted(listener, fd);
		return;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	watch_events(watch, 0);
	timer_start(listener->loop, &listener->pause, ACCEPT_AGAIN_MS);
}

static void accept_again(struct timer *timer)
{
	struct listener *listener = timer->owner;
	watch_events(&listener->watch, EPOLLIN);
}

int listener_open(struct listener *listener, struct event_loop *loop, const char *path)
{
	listener->loop = loop;
	listener->watch = (struct watch){.fd = -1, .ready = on_connection, .owner = listener};
	listener->pause = (struct timer){.due = accept_again, .owner = listener};
	unlink(path);
	int fd = unix_listen(path);
	return fd < 0 ? -1 : watch_open(loop, &listener->watch, fd, EPOLLIN);
}

void listener_close(struct listener *listener)
{
	timer_stop(listener->loop, &listener->pause);
	watch_close(&listener->watch);
}
