/*
 * The lxc driver: runs one container in the foreground through liblxc and so is LXC's monitor for it (lxc-info and
 * lxc-attach find it by its command socket). The monitor started it with
 *
 *   lxcri-lxc LXCPATH NAME CONFIG
 *
 * and with descriptors 0-2 that are not the container's, the gate as 3, the init program as 4 (see common/gate.h) and
 * the report pipe as 5. It reports once, when the container has ended and liblxc has removed its cgroups.
 */
#include <errno.h>
#include <fcntl.h>
#include <lxc/lxccontainer.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../common/driver-report.h"
#include "../common/gate.h"

/* The last resort where liblxc has no log yet; the monitor points 2 at a file in the container's directory. */
static int fail(const char *what)
{
	dprintf(STDERR_FILENO, "lxcri-lxc: ERROR %s: %s\n", what, strerror(errno));
	return 1;
}

static int report(const struct driver_report *result)
{
	ssize_t written = write(DRIVER_REPORT_FD, result, sizeof(*result));

	return written == (ssize_t)sizeof(*result) ? 0 : fail("cannot report the container's end");
}

int main(int argc, char **argv)
{
	char *const init[] = {"/proc/self/fd/4", NULL};
	struct driver_report result = {0};
	struct lxc_container *container;

	_Static_assert(GATE_INIT_FD == 4, "the path above names it");
	if (argc != 4) {
		dprintf(STDERR_FILENO, "usage: lxcri-lxc LXCPATH NAME CONFIG (started by lxcri-monitor)\n");
		return 2;
	}
	if (fcntl(DRIVER_REPORT_FD, F_SETFD, FD_CLOEXEC) < 0)
		return fail("descriptor 5 is not open");
	container = lxc_container_new(argv[2], argv[1]);
	if (!container)
		return fail("lxc_container_new");
	if (!container->load_config(container, argv[3]))
		return fail("cannot load the LXC configuration");
	container->want_daemonize(container, false);
	result.started = container->start(container, 0, init);
	result.status = container->error_num;
	return report(&result);
}
