/*
 * The driver is the program that runs a container for the monitor (for LXC: lxcri-lxc). It is started before there is
 * a container, so that loading its libraries costs nobody time, and waits. It inherits
 *
 *   0-1  nothing (an empty memory file)      2  a log, once it has its orders
 *   3    the gate       4  the init program (both for the container's init: common/gate.h)
 *   5    its own SOCK_SEQPACKET, on which it receives one message, its orders, and sends one, its report
 *
 * The orders are a gate message of type DRIVER_ORDERS: NUL-terminated words, and the log's descriptor.
 */
#ifndef LXCRI_DRIVER_H
#define LXCRI_DRIVER_H

#include <stdint.h>

#define DRIVER_FD 5
#define DRIVER_MAX_WORDS 8
#define DRIVER_MAX_ORDERS 16384

struct driver_report {
	/* 1: the container ran and ended; 0: it could not be started, or failed on the way. */
	int32_t started;
	/* liblxc's error_num: exit code << 8, or signal << 8 | 0x7f. */
	int32_t status;
};

#endif
