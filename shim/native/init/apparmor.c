/* The AppArmor profile that the payload is executed under: apparmor(7), the kernel's security/apparmor/procattr.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "paths.h"
#include "setup.h"

/* Before Linux 5.8 all security modules share one file. */
static int open_attribute(void)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%d/attr/apparmor/exec", (int)getpid());
	fd = open_in_proc(path, O_WRONLY);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	snprintf(path, sizeof(path), "%d/attr/exec", (int)getpid());
	return open_in_proc(path, O_WRONLY);
}

/* apparmor PROFILE */
int op_apparmor(void *context, char **arguments)
{
	struct setup *setup = context;
	char order[512];
	int size = snprintf(order, sizeof(order), "exec %s", arguments[0]);
	int fd, failed;

	if (size >= (int)sizeof(order)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = open_attribute();
	failed = fd < 0 || write(fd, order, (size_t)size) != size;
	if (failed)
		setup_fail(
			setup, "cannot use the AppArmor profile %s: %s", arguments[0],
			errno == ENOENT ? "it is not loaded (see aa-status)" : strerror(errno));
	if (fd >= 0)
		close(fd);
	return failed ? -1 : 0;
}
