/* What a driver (the program that runs a container for the monitor) writes to its report pipe when it is done. */
#ifndef LXCRI_DRIVER_REPORT_H
#define LXCRI_DRIVER_REPORT_H

#include <stdint.h>

#define DRIVER_REPORT_FD 5

struct driver_report {
	/* 1: the container ran and ended; 0: it could not be started, or liblxc failed on the way. */
	int32_t started;
	/* liblxc's error_num: exit code << 8, or signal << 8 | 0x7f. */
	int32_t status;
};

#endif
