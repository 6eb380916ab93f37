/*
 *   lxcri-monitor DRIVER INIT          gets ready, waits for "run DIRECTORY" on descriptor 3, the connection of the
 *                                      daemon that started it, and runs the container that DIRECTORY/monitor.plan
 *                                      describes; ends if the daemon does before that
 *   lxcri-monitor --cleanup DIRECTORY NETWORK  removes what a monitor that died has left: processes, cgroups, mounts
 *
 * See monitor.h.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "monitor.h"

int main(int argc, char **argv)
{
	static struct monitor monitor;

	if (argc != 3 && argc != 4) {
		dprintf(
			STDERR_FILENO,
			"usage: lxcri-monitor DRIVER INIT | --cleanup DIRECTORY NETWORK (started by the shim daemon)\n");
		return 2;
	}
	monitor_initialize(&monitor);
	if (argc == 4 && strcmp(argv[1], "--cleanup") == 0)
		return clean_up_after_monitor(&monitor, argv[2], argv[3]);
	return run_monitor(&monitor, argv[1], argv[2]);
}
