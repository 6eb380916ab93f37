/* The init's side of the gate (common/gate.h). */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "setup.h"

int receive_descriptors(struct setup *setup)
{
	for (;;) {
		size_t count = GATE_BATCH;
		int batch[GATE_BATCH];
		int type = gate_receive(GATE_FD, NULL, NULL, batch, &count, NULL);

		if (type == GATE_SETUP)
			return setup->fd_count >= SETUP_TREES ? 0 : (errno = EPROTO, -1);
		if (type != GATE_FDS || setup->fd_count + count > SETUP_MAX_FDS) {
			if (type >= 0)
				errno = EPROTO;
			return -1;
		}
		memcpy(setup->fds + setup->fd_count, batch, count * sizeof(int));
		setup->fd_count += count;
	}
}

void close_received(struct setup *setup, size_t index)
{
	close(setup->fds[index]);
	setup->fds[index] = -1;
}

int wait_for_start(const struct setup *setup)
{
	struct gate_size asked = {0};
	size_t size = sizeof(asked), count = 1;
	int pipe_fd = -1;

	if (gate_receive(GATE_FD, &asked, &size, &pipe_fd, &count, NULL) != GATE_GO || count != 1)
		return -1;
	if (setup->has_terminal && size == sizeof(asked) && (asked.rows || asked.columns))
		resize_own_terminal(&asked);
	return pipe_fd;
}
