/*
 * stdio goes straight from the container to the client's FIFOs. For each, the monitor keeps the end that the client
 * may drop: a reader of stdout and stderr, so that a client that went away costs the container neither EPIPE nor its
 * output, and a writer of stdin, so that it is no EOF (CloseIO drops that one).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor.h"

static const char *const names[] = {"stdin", "stdout", "stderr"};

/* A FIFO opened without blocking, then made to block, as programs expect of their standard streams. */
static int open_blocking(const char *path, int flags)
{
	int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0 && fcntl(fd, F_SETFL, flags) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A reader must be there before a writer can open without blocking, on either side. */
static int open_fifo(struct stream *stream, bool output)
{
	int *reader = output ? &stream->hold_fd : &stream->payload_fd;
	int *writer = output ? &stream->payload_fd : &stream->hold_fd;

	*reader = output ? open(stream->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : open_blocking(stream->path, O_RDONLY);
	if (*reader < 0)
		return -1;
	*writer = open_blocking(stream->path, O_WRONLY);
	return *writer < 0 ? -1 : 0;
}

static int open_stream(struct stream *stream, int number)
{
	bool output = number > 0;
	struct stat st;

	if (!stream->path || !stream->path[0]) {
		stream->payload_fd = open("/dev/null", (output ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
		return stream->payload_fd < 0 ? -1 : 0;
	}
	if (stat(stream->path, &st) < 0) {
		if (!stream->create || errno != ENOENT)
			return -1;
		stream->payload_fd = open(stream->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
		return stream->payload_fd < 0 ? -1 : 0;
	}
	if (S_ISFIFO(st.st_mode))
		return open_fifo(stream, output);
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return -1;
	}
	stream->payload_fd = open_blocking(stream->path, output ? O_WRONLY | O_APPEND : O_RDONLY);
	return stream->payload_fd < 0 ? -1 : 0;
}

/* A user namespace cannot change the owner of a FIFO that is outside it, so this is done for it. */
static int give_stream(const struct monitor *monitor, const struct stream *stream)
{
	struct stat st;

	if (!monitor->gives_streams || fstat(stream->payload_fd, &st) < 0 || !S_ISFIFO(st.st_mode))
		return 0;
	return fchown(stream->payload_fd, monitor->stream_uid, monitor->stream_gid);
}

int open_streams(struct monitor *monitor)
{
	for (int i = 0; i < 3; i++) {
		struct stream *stream = &monitor->streams[i];

		if (open_stream(stream, i) < 0 || give_stream(monitor, stream) < 0)
			return monitor_fail(monitor, "cannot open %s (%s): %s", names[i], stream->path, strerror(errno));
	}
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void close_payload_streams(struct monitor *monitor)
{
	for (int i = 0; i < 3; i++)
		close_fd(&monitor->streams[i].payload_fd);
}

void close_stdin(struct monitor *monitor)
{
	close_fd(&monitor->streams[0].hold_fd);
}

/*
 * The container is gone, so its output has no writer left. If a client reads, it gets the rest and then EOF. If none
 * does, a writer of ours keeps the unread bytes in the FIFO until one comes, or until Delete.
 */
static void hand_over(struct stream *stream)
{
	int unread = 0;
	int writer;

	if (ioctl(stream->hold_fd, FIONREAD, &unread) < 0 || unread == 0) {
		close_fd(&stream->hold_fd);
		return;
	}
	writer = open(stream->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	close_fd(&stream->hold_fd);
	stream->hold_fd = writer;
}

/* A writer without any reader polls as an error. */
static bool has_reader(int writer)
{
	struct pollfd poll_fd = {.fd = writer};

	return poll(&poll_fd, 1, 0) == 0 || !(poll_fd.revents & POLLERR);
}

bool settle_streams(struct monitor *monitor)
{
	bool kept = false;

	close_stdin(monitor);
	close_payload_streams(monitor);
	for (int i = 1; i < 3; i++) {
		struct stream *stream = &monitor->streams[i];

		if (stream->hold_fd < 0)
			continue;
		if ((fcntl(stream->hold_fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
			hand_over(stream);
		if (stream->hold_fd >= 0 && (monitor->released || has_reader(stream->hold_fd)))
			close_fd(&stream->hold_fd);
		kept = kept || stream->hold_fd >= 0;
	}
	return kept;
}
