/*
 * Any bytes from a daemon, in pieces whose size the first byte says. The monitor may drop the connection, but what it
 * answers are whole lines, and for as many commands as there were.
 */
#include "monitor.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(int condition)
{
	if (!condition)
		abort();
}

/* The monitor's warnings also go to its log, which is standard error. */
static int silence(void)
{
	int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);

	demand(saved >= 0 && null >= 0 && dup2(null, STDERR_FILENO) >= 0);
	close(null);
	return saved;
}

static void feed(struct monitor *monitor, int fd, const uint8_t *data, size_t size, size_t piece)
{
	struct connection *connection = &monitor->connections[MONITOR_MAX_CONNECTIONS - 1];

	while (size > 0 && connection->fd >= 0) {
		size_t part = size < piece ? size : piece;

		demand(send(fd, data, part, MSG_NOSIGNAL) == (ssize_t)part);
		data += part;
		size -= part;
		/* A piece may be more than it reads at once. */
		for (size_t i = 0; i <= part && connection->fd >= 0; i++)
			read_connection(monitor, connection);
		demand(connection->length < sizeof(connection->line));
	}
}

static size_t count_lines(const uint8_t *data, size_t size)
{
	size_t lines = 0;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct monitor monitor;
	static uint8_t answers[1 << 18];
	int pair[2], saved;
	ssize_t got;

	if (size < 1 || size > 1000)
		return 0;
	demand(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	monitor = (struct monitor){0};
	monitor_initialize(&monitor);
	adopt_connection(&monitor, pair[1]);
	saved = silence();
	feed(&monitor, pair[0], data + 1, size - 1, (size_t)data[0] + 1);
	dup2(saved, STDERR_FILENO);
	close(saved);
	got = recv(pair[0], answers, sizeof(answers), MSG_DONTWAIT);
	if (got > 0) {
		demand(answers[got - 1] == '\n');
		demand(count_lines(answers, (size_t)got) <= count_lines(data + 1, size - 1));
	}
	/* Execs that could not be started. */
	settle_execs(&monitor);
	for (int i = 0; i < MONITOR_MAX_CONNECTIONS; i++)
		if (monitor.connections[i].fd >= 0)
			close(monitor.connections[i].fd);
	close(pair[0]);
	return 0;
}
