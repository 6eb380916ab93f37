/* Starting the driver: the program that knows the container technology (for LXC: lxcri-lxc). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../common/child.h"
#include "../common/driver.h"
#include "init-gate.h"
#include "monitor.h"

static void execute(const char *program, int gate, int init, int own)
{
	char *const arguments[] = {(char *)program, NULL};
	/*
	 * Not /dev/null: liblxc takes its standard streams for the container's and does fchmod 0700 to them, unless they
	 * are what the image has at /dev/null. An image with a plain file there would close the host's /dev/null to all.
	 */
	int null = move_above(memfd_create("lxcri-stdio", MFD_CLOEXEC), DRIVER_FD);

	gate = move_above(gate, DRIVER_FD);
	init = move_above(init, DRIVER_FD);
	own = move_above(own, DRIVER_FD);
	if (place_fd(null, 0) || place_fd(null, 1) || place_fd(null, 2) || place_fd(gate, GATE_FD) ||
		place_fd(init, GATE_INIT_FD) || place_fd(own, DRIVER_FD))
		_exit(126);
	/* Without its monitor nobody would record the container's end: then it ends too, and the daemon cleans up. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	unblock_signals();
	execv(program, arguments);
	_exit(127);
}

int start_driver(struct monitor *monitor, const char *program, const char *init_program)
{
	int gate[2], driver[2];
	int init = open_init_program(init_program);

	monitor->driver_program = program;
	if (init < 0)
		return monitor_fail(monitor, "cannot prepare the init %s: %s", init_program, strerror(errno));
	if (open_gate(gate) < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, driver) < 0)
		return monitor_fail(monitor, "cannot create the driver's sockets: %s", strerror(errno));
	monitor->driver_pid = fork();
	if (monitor->driver_pid == 0)
		execute(program, gate[1], init, driver[1]);
	close(init);
	close(gate[1]);
	close(driver[1]);
	monitor->init.gate = gate[0];
	monitor->driver = driver[0];
	if (monitor->driver_pid < 0)
		return monitor_fail(monitor, "cannot start the driver: %s", strerror(errno));
	return 0;
}

int order_driver(struct monitor *monitor)
{
	char orders[DRIVER_MAX_ORDERS];
	size_t size = 0;
	int log = STDERR_FILENO;

	for (size_t i = 0; i < monitor->order_count; i++) {
		size_t length = strlen(monitor->orders[i]) + 1;

		if (size + length > sizeof(orders)) {
			errno = E2BIG;
			return monitor_fail(monitor, "the driver's orders are too long");
		}
		memcpy(orders + size, monitor->orders[i], length);
		size += length;
	}
	if (gate_send(monitor->driver, DRIVER_ORDERS, orders, size, &log, 1) == 0)
		return 0;
	if (errno == EPIPE || errno == ECONNRESET)
		return fail_without_driver(monitor);
	return monitor_fail(monitor, "cannot give the driver its orders: %s", strerror(errno));
}

int fail_without_driver(struct monitor *monitor)
{
	errno = ECHILD;
	return monitor_fail(
		monitor, "the driver ended before it made the container: does %s start?", monitor->driver_program);
}
