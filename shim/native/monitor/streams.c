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
#include <time.h>
#include <unistd.h>

#include "../common/kernel.h"
#include "elapsed.h"
#include "process.h"

/* How long a client that reads may take after Delete, as with runc's shim (containerd, pkg/process/io.go). */
#define RELEASE_GRACE_MS 2000

static const char *const names[] = {"stdin", "stdout", "stderr"};

/*
 * Opened without blocking, then made to block, as programs expect of their standard streams. The ends of a terminal's
 * copies stay as they are.
 */
static int open_stream_end(const char *path, int flags, bool copied)
{
	int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0 && !copied && fcntl(fd, F_SETFL, flags) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * A writer can be opened without blocking only where there is a reader. One that a client's reader may have seen stays
 * open: without any the client would take it for the end.
 */
static int open_fifo(struct stream *stream, bool output, bool copied)
{
	int *reader = output ? &stream->hold_fd : &stream->payload_fd;
	int *writer = output ? &stream->payload_fd : &stream->hold_fd;

	if (output)
		*writer = open_stream_end(stream->path, O_WRONLY, copied);
	stream->was_read = *writer >= 0;
	*reader = open_stream_end(stream->path, O_RDONLY, output || copied);
	if (*reader < 0)
		return -1;
	if (*writer < 0)
		*writer = open_stream_end(stream->path, O_WRONLY, copied);
	return *writer < 0 ? -1 : 0;
}

static int open_stream(struct stream *stream, int number, bool copied)
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
		return open_fifo(stream, output, copied);
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return -1;
	}
	stream->payload_fd = open_stream_end(stream->path, output ? O_WRONLY | O_APPEND : O_RDONLY, copied);
	return stream->payload_fd < 0 ? -1 : 0;
}

/* A user namespace cannot change the owner of a FIFO that is outside it, so this is done for it. */
static int give_stream(const struct stream *stream, const struct stream_owner *owner)
{
	struct stat st;

	if (!owner->given || fstat(stream->payload_fd, &st) < 0 || !S_ISFIFO(st.st_mode))
		return 0;
	return fchown(stream->payload_fd, owner->uid, owner->gid);
}

/* What criu will call it. */
static void note_identity(struct stream *stream)
{
	struct lxcri_statx st = {0};

	if (lxcri_statx(stream->payload_fd, &st) < 0)
		return;
	stream->mode = st.mode;
	stream->mount = st.mount_id;
	stream->inode = st.inode;
}

int open_streams(struct process *process, const struct stream_owner *owner)
{
	if (process->logger.program && start_logger(process) < 0)
		return -1;
	for (int i = 0; i < 3; i++) {
		struct stream *stream = &process->streams[i];
		bool is_open = stream->payload_fd >= 0;

		if ((!is_open && open_stream(stream, i, process->terminal.wanted) < 0) || give_stream(stream, owner) < 0)
			return process_fail(process, "cannot open %s (%s): %s", names[i], stream->path, strerror(errno));
		note_identity(stream);
	}
	return 0;
}

void close_payload_streams(struct process *process)
{
	for (int i = 0; i < 3; i++)
		close_fd(&process->streams[i].payload_fd);
}

void close_stdin(struct process *process)
{
	close_fd(&process->streams[0].hold_fd);
}

void release_streams(struct process *process)
{
	process->released = true;
	clock_gettime(CLOCK_MONOTONIC, &process->released_at);
}

/* A FIFO that no process has open for writing polls as hung up. */
static bool has_writer(int reader)
{
	struct pollfd poll_fd = {.fd = reader};

	return poll(&poll_fd, 1, 0) == 0 || !(poll_fd.revents & POLLHUP);
}

/*
 * The process is gone, and its output has no writer left. If a client reads, it gets the rest and then EOF. If none
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

static bool is_writer(int fd)
{
	return (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
}

/* A writer of a FIFO without any reader polls as an error. */
static bool has_reader(int writer)
{
	struct pollfd poll_fd = {.fd = writer};

	return poll(&poll_fd, 1, 0) == 0 || !(poll_fd.revents & POLLERR);
}

/* Of what is held: our own reader is none. */
static bool is_read_by_client(int held)
{
	return is_writer(held) && has_reader(held);
}

static bool is_grace_over(const struct process *process)
{
	return milliseconds_since(&process->released_at) > RELEASE_GRACE_MS;
}

static bool can_be_read(int fifo)
{
	int unread = 0;
	struct stat st;

	return ioctl(fifo, FIONREAD, &unread) == 0 && unread > 0 && fstat(fifo, &st) == 0 && st.st_nlink > 0;
}

/*
 * Whether Delete has to wait for a reader: containerd's client opens the FIFO beside its calls, on a busy machine not
 * before a short process has ended, and gives up on it when Delete is answered. runc's shim lets no process begin
 * before its output has a reader, for as long as that takes.
 */
static bool is_awaited(const struct process *process, const struct stream *output, int fifo)
{
	return !output->was_read && can_be_read(fifo) && !is_grace_over(process);
}

/* From here on a reader is the client. False: the output is kept for one. */
static bool release_terminal(struct process *process)
{
	struct stream *output = &process->streams[1];
	bool is_read;

	close_fd(&output->hold_fd);
	is_read = has_reader(output->payload_fd);
	if (!is_read && is_awaited(process, output, output->payload_fd))
		return false;
	output->was_read |= is_read;
	if (!is_read || is_grace_over(process))
		close_terminal(process);
	return true;
}

/* Copies what its terminal still has, until all is out or nobody is there to take it. */
static enum settling settle_terminal(struct process *process)
{
	/* Without a reader it would be lost. */
	if (has_reader(process->streams[1].payload_fd))
		copy_terminal(process);
	if (process->released && process->terminal.wanted && !release_terminal(process))
		return SETTLING_KEEPS;
	if (!terminal_has_output(process))
		return SETTLED;
	return process->released ? SETTLING_KEEPS : SETTLING_COPIES;
}

enum settling settle_streams(struct process *process)
{
	enum settling terminal, settling = SETTLED;

	close_stdin(process);
	terminal = settle_terminal(process);
	if (terminal != SETTLED)
		return terminal;
	close_payload_streams(process);
	if (settle_logger(process))
		settling = process->released ? SETTLING_KEEPS : SETTLING_COPIES;
	for (int i = 1; i < 3; i++) {
		struct stream *stream = &process->streams[i];

		if (stream->hold_fd < 0)
			continue;
		/* What an exec left running may still write: it must not get a SIGPIPE before Delete. */
		if (!is_writer(stream->hold_fd) && !has_writer(stream->hold_fd))
			hand_over(stream);
		if (stream->hold_fd >= 0 && is_read_by_client(stream->hold_fd))
			close_fd(&stream->hold_fd);
		if (stream->hold_fd >= 0 && process->released && !is_awaited(process, stream, stream->hold_fd))
			close_fd(&stream->hold_fd);
		if (stream->hold_fd >= 0)
			settling = SETTLING_KEEPS;
	}
	return settling;
}
