#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "process.h"
#include "watch.h"

/* How often it is looked whether a terminal that nobody has open is opened again. */
#define HUNG_UP_POLL_MS 200

static bool is_empty(const struct pending *pending)
{
	return pending->start == pending->end;
}

int adopt_terminal(struct process *process, int fd)
{
	int number;

	/* Only a master has a number of its slave. */
	if (!process->terminal.wanted || process->terminal.master >= 0 || ioctl(fd, TIOCGPTN, &number) < 0)
		return -1;
	if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
		return -1;
	process->terminal.master = fd;
	return 0;
}

int resize_terminal(struct process *process, unsigned short rows, unsigned short columns)
{
	struct terminal *terminal = &process->terminal;

	terminal->size = (struct winsize){.ws_row = rows, .ws_col = columns};
	if (terminal->master >= 0 && ioctl(terminal->master, TIOCSWINSZ, &terminal->size) < 0)
		return errno;
	return 0;
}

/* False when the source has ended. */
static bool fill(struct pending *pending, int from)
{
	ssize_t size;

	if (!is_empty(pending))
		return true;
	size = read(from, pending->data, sizeof(pending->data));
	if (size > 0) {
		pending->start = 0;
		pending->end = (size_t)size;
	}
	return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
}

/* What cannot be written to anybody any more is dropped. */
static void drain(struct pending *pending, int to)
{
	while (!is_empty(pending)) {
		ssize_t size = write(to, pending->data + pending->start, pending->end - pending->start);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0 && errno == EAGAIN)
			return;
		pending->start = size < 0 ? pending->end : pending->start + (size_t)size;
	}
}

/* One buffer a round, so that no terminal keeps the monitor from the others. */
static void copy_output(struct process *process)
{
	struct terminal *terminal = &process->terminal;

	drain(&terminal->output, process->streams[1].payload_fd);
	/* EIO: nobody has the terminal open. A process that lives may open it again, as /dev/console. */
	if (terminal->master >= 0 && !fill(&terminal->output, terminal->master)) {
		terminal->is_hung_up = true;
		if (process->phase == PHASE_STOPPED)
			close_fd(&terminal->master);
	}
	drain(&terminal->output, process->streams[1].payload_fd);
}

static void copy_input(struct process *process)
{
	struct terminal *terminal = &process->terminal;
	int *from = &process->streams[0].payload_fd;

	if (terminal->master < 0) {
		terminal->input.start = terminal->input.end;
		return;
	}
	drain(&terminal->input, terminal->master);
	/* Its end is no end of file for the terminal: that would be the client's Ctrl-D. */
	if (*from >= 0 && !fill(&terminal->input, *from))
		close_fd(from);
	drain(&terminal->input, terminal->master);
}

void copy_terminal(struct process *process)
{
	copy_output(process);
	copy_input(process);
}

static void on_terminal(void *context, void *subject)
{
	(void)context;
	copy_terminal(subject);
}

void watch_terminal(struct process *process, struct watch_list *list)
{
	struct terminal *terminal = &process->terminal;
	short events = 0;

	if (!is_empty(&terminal->output))
		watch(list, process->streams[1].payload_fd, POLLOUT, on_terminal, process);
	else
		events |= POLLIN;
	if (terminal->master < 0)
		return;
	if (terminal->is_hung_up) {
		/* Its hang-up would be told at once, again and again. */
		terminal->is_hung_up = false;
		wait_at_most(list, HUNG_UP_POLL_MS);
		return;
	}
	if (!is_empty(&terminal->input))
		events |= POLLOUT;
	else
		watch(list, process->streams[0].payload_fd, POLLIN, on_terminal, process);
	/* Not for nothing: a hang-up is always told, and could not be answered before the output has gone. */
	if (events)
		watch(list, terminal->master, events, on_terminal, process);
}

bool terminal_has_output(const struct process *process)
{
	const struct terminal *terminal = &process->terminal;

	return terminal->master >= 0 || !is_empty(&terminal->output);
}

void close_terminal(struct process *process)
{
	close_fd(&process->terminal.master);
	process->terminal.output.start = process->terminal.output.end;
}
