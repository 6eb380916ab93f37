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

int wait_for_start(void)
{
	int pipe_fd = -1;
	size_t count = 1;

	if (gate_receive(GATE_FD, NULL, NULL, &pipe_fd, &count, NULL) != GATE_GO || count != 1)
		return -1;
	return pipe_fd;
}
