#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "monitor.h"

/* ioctl_ns(2); musl's wrapper has no kernel headers in its path */
#define LXCRI_NS_GET_NSTYPE _IO(0xb7, 0x3)

static int check_namespace(struct monitor *monitor, const struct joined_namespace *joined)
{
	int fd = open(joined->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int type;

	if (fd < 0)
		return monitor_fail(monitor, "%s: cannot open %s: %s", joined->field, joined->path, strerror(errno));
	type = ioctl(fd, LXCRI_NS_GET_NSTYPE);
	close(fd);
	if (type > 0 && (uint32_t)type == joined->type)
		return 0;
	errno = EINVAL;
	return monitor_fail(monitor, "%s: %s is no %s namespace", joined->field, joined->path, joined->name);
}

int check_namespaces(struct monitor *monitor)
{
	for (size_t i = 0; i < monitor->namespace_count; i++)
		if (check_namespace(monitor, &monitor->namespaces[i]) < 0)
			return -1;
	return 0;
}
