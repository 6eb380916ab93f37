/*
 * The gate: a SOCK_SEQPACKET pair between the monitor and the container's init. One packet is one message; its first
 * byte says which. The init inherits its end through liblxc as GATE_FD.
 *
 *   init    -> monitor  HELLO   the init runs; its credentials carry its pid in the host's namespace
 *   monitor -> init     FDS     up to GATE_BATCH descriptors; the first batch begins with plan, stdin, stdout, stderr
 *   monitor -> init     SETUP   all descriptors are sent: carry out the plan
 *   init    -> monitor  TERMINAL  one descriptor: the master of the terminal that the plan asked for
 *   init    -> monitor  ROOT    one descriptor: a copy of the container's mounts, if the plan asked for it; the init
 *                               waits
 *   monitor -> init     RESUME  go on
 *   init    -> monitor  READY   set up, the payload was found; the init waits
 *   init    -> monitor  FAILED  struct gate_failure: what went wrong; the init ends
 *   monitor -> init     GO      a struct gate_size, and one descriptor: a pipe that closes when the payload is
 *                               executed, or carries a struct gate_failure
 */
#ifndef LXCRI_GATE_H
#define LXCRI_GATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define GATE_FD 3
#define GATE_INIT_FD 4
#define GATE_BATCH 64
#define GATE_TEXT 1024

enum gate_message {
	GATE_HELLO = 'H',
	GATE_FDS = 'F',
	GATE_SETUP = 'S',
	GATE_TERMINAL = 'T',
	GATE_ROOT = 'O',
	GATE_RESUME = 'C',
	GATE_READY = 'R',
	GATE_FAILED = 'X',
	GATE_GO = 'G',
	/* Between monitor and driver: common/driver.h. */
	DRIVER_ORDERS = 'D',
};

/* Of the terminal, where a client has asked for one before the start; else 0 and 0. */
struct gate_size {
	uint16_t rows, columns;
};

struct gate_failure {
	int32_t error;
	char text[GATE_TEXT];
};

/* Sends one message with optional data and descriptors. Returns 0, or -1 with errno. */
int gate_send(int fd, enum gate_message type, const void *data, size_t size, const int *fds, size_t count);

/*
 * Receives one message into `data` (the bytes after the type; *size in: room, out: used). Received descriptors are
 * close-on-exec; *count in: room, out: received. `pid` (may be NULL) gets the sender's pid where the receiving socket
 * has SO_PASSCRED. Returns the type, 0 when the other end is gone, or -1 with errno.
 */
int gate_receive(int fd, void *data, size_t *size, int *fds, size_t *count, pid_t *pid);

#endif
