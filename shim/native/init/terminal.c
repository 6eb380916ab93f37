/*
 * The process's terminal, made in the container's own devpts. The monitor gets the master; what the process gets is
 * opened from it, and not by a path, which an image may have laid elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../common/gate.h"
#include "../common/kernel.h"
#include "../common/plan.h"
#include "paths.h"
#include "setup.h"

#define DEVPTS_MAGIC 0x1cd1
/* linux/tty.h; musl's headers of Debian 12 lack it */
#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

/* The multiplexer of a devpts, and of nothing that only looks like one. */
static int open_multiplexer(void)
{
	int fd = open_inside("/dev/pts/ptmx", O_RDWR | O_NOCTTY);
	struct statfs fs;
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstatfs(fd, &fs) == 0 && fs.f_type == DEVPTS_MAGIC && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) &&
		st.st_rdev == makedev(5, 2))
		return fd;
	close(fd);
	errno = ENODEV;
	return -1;
}

static int open_slave(int master)
{
	int unlocked = 0;

	if (ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		return -1;
	return ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static int use_slave(struct setup *setup, int slave)
{
	for (size_t i = SETUP_STDIN; i <= SETUP_STDERR; i++) {
		close_received(setup, i);
		setup->fds[i] = fcntl(slave, F_DUPFD_CLOEXEC, GATE_FD + 1);
		if (setup->fds[i] < 0)
			return -1;
	}
	setup->has_terminal = true;
	return 0;
}

static int hand_out(struct setup *setup, int master, const struct winsize *size)
{
	int slave = open_slave(master);
	int failed;

	if (slave < 0)
		return -1;
	failed = (size->ws_row || size->ws_col) && ioctl(master, TIOCSWINSZ, size) < 0;
	failed = failed || gate_send(GATE_FD, GATE_TERMINAL, NULL, 0, &master, 1) < 0 || use_slave(setup, slave) < 0;
	close(slave);
	return failed ? -1 : 0;
}

/* terminal ROWS COLUMNS: in place of the streams that were passed; 0 and 0 leave the kernel's size */
int op_terminal(void *context, char **arguments)
{
	struct setup *setup = context;
	uint32_t rows, columns;
	int master, failed;

	if (plan_u32(arguments[0], &rows) < 0 || plan_u32(arguments[1], &columns) < 0)
		return -1;
	master = open_multiplexer();
	if (master < 0)
		return setup_fail(
			setup, "cannot open /dev/pts/ptmx in the container: %s; mount a devpts on /dev/pts", path_error(errno));
	failed = hand_out(setup, master, &(struct winsize){.ws_row = (uint16_t)rows, .ws_col = (uint16_t)columns});
	if (failed)
		setup_fail(setup, "cannot set up the terminal: %s", strerror(errno));
	close(master);
	return failed;
}

/* console: the terminal is also at /dev/console, as the specification has it for the first process */
int op_console(void *context, char **arguments)
{
	struct setup *setup = context;
	int target = open_file("/dev/console");
	int tree = target < 0
				   ? -1
				   : (int)syscall(
						 SYS_open_tree, setup->fds[SETUP_STDIN], "", LXCRI_OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH);
	int failed =
		tree < 0 ||
		lxcri_move_mount(tree, "", target, "", LXCRI_MOVE_MOUNT_F_EMPTY_PATH | LXCRI_MOVE_MOUNT_T_EMPTY_PATH) < 0;

	(void)arguments;
	if (failed)
		setup_fail(setup, "cannot mount the terminal on /dev/console: %s", path_error(errno));
	if (tree >= 0)
		close(tree);
	if (target >= 0)
		close(target);
	return failed ? -1 : 0;
}

int take_terminal(void)
{
	/* liblxc has made the session, or we do; a session has one terminal. */
	setsid();
	return ioctl(STDIN_FILENO, TIOCSCTTY, 0);
}

void resize_own_terminal(const struct gate_size *size)
{
	ioctl(STDIN_FILENO, TIOCSWINSZ, &(struct winsize){.ws_row = size->rows, .ws_col = size->columns});
}
