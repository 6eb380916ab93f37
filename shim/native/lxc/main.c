/*
 * The lxc driver: runs one container in the foreground through liblxc and so is LXC's monitor for it (lxc-info and
 * lxc-attach find it by its command socket). Its orders are: LXC's path, the container's name, the configuration file,
 * the container's root file system, and the directory on which liblxc mounts that. It reports when the container has
 * ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <lxc/lxccontainer.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../common/driver.h"
#include "../common/gate.h"
#include "init-status.h"
#include "mount-namespace.h"

struct orders {
	char data[DRIVER_MAX_ORDERS + 1];
	const char *lxcpath, *name, *config;
	/* What liblxc will use of the host's files: the root file system, its own mount point, its files. */
	const char *keep[4];
};

static int fail(const char *what)
{
	dprintf(STDERR_FILENO, "lxcri-lxc: ERROR %s: %s\n", what, strerror(errno));
	return 1;
}

static const char *next_word(const char *word, const char *end)
{
	const char *next = word ? word + strlen(word) + 1 : NULL;

	return next && next < end ? next : NULL;
}

/* 1: received; 0: the monitor went away without any; -1: an error. */
static int receive_orders(struct orders *orders)
{
	size_t size = DRIVER_MAX_ORDERS, count = 1;
	int log = -1;
	int type = gate_receive(DRIVER_FD, orders->data, &size, &log, &count, NULL);

	if (type == 0)
		return 0;
	if (type != DRIVER_ORDERS || count != 1 || dup2(log, STDERR_FILENO) < 0)
		return -1;
	orders->data[size] = '\0';
	orders->lxcpath = orders->data;
	orders->name = next_word(orders->lxcpath, orders->data + size);
	orders->config = next_word(orders->name, orders->data + size);
	orders->keep[0] = next_word(orders->config, orders->data + size);
	orders->keep[1] = next_word(orders->keep[0], orders->data + size);
	orders->keep[2] = orders->lxcpath;
	return orders->keep[1] ? 1 : -1;
}

static int run(const struct orders *orders)
{
	char *const init[] = {"/proc/self/fd/4", NULL};
	struct driver_report report = {0};
	struct lxc_container *container;

	_Static_assert(GATE_INIT_FD == 4, "the path above names it");
	if (hide_cgroups(orders->keep) < 0)
		return fail("cannot make a mount namespace");
	container = lxc_container_new(orders->name, orders->lxcpath);
	if (!container)
		return fail("lxc_container_new");
	if (!container->load_config(container, orders->config))
		return fail("cannot load the LXC configuration");
	container->want_daemonize(container, false);
	report.started = container->start(container, 0, init);
	report.status = hidden_init_status() == -1 ? container->error_num : hidden_init_status();
	if (write(DRIVER_FD, &report, sizeof(report)) != (ssize_t)sizeof(report))
		return fail("cannot report the container's end");
	return 0;
}

int main(void)
{
	static struct orders orders;

	if (fcntl(DRIVER_FD, F_SETFD, FD_CLOEXEC) < 0) {
		dprintf(STDERR_FILENO, "lxcri-lxc is started by lxcri-monitor, which the shim daemon starts\n");
		return 2;
	}
	switch (receive_orders(&orders)) {
		case 0:
			return 0;
		case 1:
			return run(&orders);
		default:
			return fail("cannot receive orders");
	}
}
