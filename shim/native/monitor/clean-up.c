/* For the daemon, when a monitor was killed: everything that it would have removed, and an end on record. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "monitor.h"

static void remove_leftovers(struct monitor *monitor)
{
	if (status_exists())
		monitor->made_cgroups = monitor->cgroup_count;
	else
		remove_empty_cgroups(monitor);
	remove_cgroups(monitor);
	for (size_t i = 0; i < monitor->mount_count; i++)
		monitor->mounts[i].mounted = is_new_mount(&monitor->mounts[i]);
	unmount_rootfs(monitor);
	if (status_exists() && open_host_network(monitor) == 0)
		run_hooks(monitor, HOOK_POSTSTOP, "stopped");
}

/* What the dead monitor knew of the container stays true: also that it had not been created. */
static void record_end(struct monitor *monitor)
{
	struct process *init = &monitor->init;

	if (read_status(init) < 0 || init->phase == PHASE_STOPPED)
		return;
	if (init->phase != PHASE_CREATING)
		init->phase = PHASE_STOPPED;
	record_exit(init, SIGNALED_STATUS_BASE + SIGKILL);
	write_status(init);
}

int clean_up_after_monitor(struct monitor *monitor, const char *directory, const char *host_network)
{
	if (chdir(directory) < 0) {
		dprintf(STDERR_FILENO, "lxcri-monitor: ERROR cannot enter %s: %s\n", directory, strerror(errno));
		return 1;
	}
	/* A plan that cannot be read was none for that monitor either: it has done nothing, or cleaned up already. */
	if (monitor_read_plan(monitor) == 0) {
		monitor->host_network = host_network;
		remove_leftovers(monitor);
	} else {
		dprintf(STDERR_FILENO, "lxcri-monitor: WARN %s\n", monitor->init.failure.text);
	}
	record_end(monitor);
	/* It is through, as that monitor would have been: the next daemon must not run the hooks again. */
	unlink("monitor.plan");
	unlink("init.plan");
	return 0;
}
