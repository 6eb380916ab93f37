#include "init-gate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u
#endif
#define LXCRI_F_ADD_SEALS 1033
#define LXCRI_ALL_SEALS 0xf /* seal, shrink, grow, write */

static int create_memory_file(void)
{
	int fd = memfd_create("lxcri-init", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	/* Before Linux 6.3 every memory file may be executed, and the flag is unknown. */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("lxcri-init", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

/*
 * Nobody may read it: so the root of a user namespace cannot trace what executes it, nor look into it (execve(2), on
 * programs without read permission; the kernel's would_dump).
 */
static int fill(int to, int from)
{
	struct stat st;
	off_t offset = 0;

	if (fstat(from, &st) < 0 || fchmod(to, 0111) < 0)
		return -1;
	while (offset < st.st_size)
		if (sendfile(to, from, &offset, (size_t)(st.st_size - offset)) <= 0)
			return -1;
	return fcntl(to, LXCRI_F_ADD_SEALS, LXCRI_ALL_SEALS);
}

int open_init_program(const char *program)
{
	char path[64];
	int from, copy, result = -1;

	from = open(program, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return -1;
	copy = create_memory_file();
	if (copy >= 0 && fill(copy, from) == 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", copy);
		result = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (copy >= 0)
		close(copy);
	close(from);
	return result;
}

int open_gate(int pair[2])
{
	int on = 1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	/* The kernel vouches for the init's pid, seen from here. */
	return setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
}

static int open_plan(const struct process *process)
{
	int fd = open(process->plan, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, process->plan_offset, SEEK_SET);
	return fd;
}

/* What a terminal is for the streams of the payload, the init opens; until then they are nothing. */
static int send_batch(const struct process *process, int plan, int null)
{
	int fds[4] = {plan};

	for (int i = 0; i < 3; i++)
		fds[i + 1] = process->terminal.wanted ? null : process->streams[i].payload_fd;
	return gate_send(process->gate, GATE_FDS, NULL, 0, fds, 4);
}

int send_streams(struct process *process)
{
	int plan = open_plan(process);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int sent = plan < 0 || null < 0 ? -1 : send_batch(process, plan, null);
	int saved = errno;

	close_fd(&plan);
	close_fd(&null);
	if (!process->terminal.wanted)
		close_payload_streams(process);
	errno = saved;
	return sent;
}

static void record_failure(struct process *process, struct gate_failure *failure)
{
	failure->text[sizeof(failure->text) - 1] = '\0';
	errno = failure->error;
	process_fail(process, "%s", failure->text);
}

enum gate_message receive_from_init(struct process *process, int *root)
{
	struct gate_failure failure = {0};
	size_t size = sizeof(failure), count = 1;
	pid_t pid = 0;
	int fd = -1;
	int type = gate_receive(process->gate, &failure, &size, &fd, &count, &pid);

	*root = -1;
	switch (type) {
		case GATE_HELLO:
			if (process->pid == 0)
				identify_process(process, pid);
			break;
		case GATE_TERMINAL:
			if (count == 1 && adopt_terminal(process, fd) == 0)
				fd = -1;
			break;
		case GATE_ROOT:
			*root = fd;
			fd = -1;
			break;
		case GATE_READY:
			break;
		case GATE_FAILED:
			if (size == sizeof(failure) && process->phase == PHASE_CREATING)
				record_failure(process, &failure);
			break;
		default:
			/* Closed, or noise from a container that got hold of the descriptor: nothing more is expected here. */
			close_fd(&process->gate);
	}
	close_fd(&fd);
	return type;
}
