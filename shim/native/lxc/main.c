/*
 * The lxc driver: runs one container in the foreground through liblxc and so is LXC's monitor for it (lxc-info and
 * lxc-attach find it by its command socket). Its orders are three words: LXC's path, the container's name, and the
 * configuration file. It reports when the container has ended and liblxc has removed its cgroup.
 */
#include <errno.h>
#include <fcntl.h>
#include <lxc/lxccontainer.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../common/driver.h"
#include "../common/gate.h"

struct orders {
	char data[DRIVER_MAX_ORDERS + 1];
	const char *lxcpath, *name, *config;
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
	return orders->config ? 1 : -1;
}

static int run(const struct orders *orders)
{
	char *const init[] = {"/proc/self/fd/4", NULL};
	struct driver_report report = {0};
	struct lxc_container *container;

	_Static_assert(GATE_INIT_FD == 4, "the path above names it");
	container = lxc_container_new(orders->name, orders->lxcpath);
	if (!container)
		return fail("lxc_container_new");
	if (!container->load_config(container, orders->config))
		return fail("cannot load the LXC configuration");
	container->want_daemonize(container, false);
	report.started = container->start(container, 0, init);
	report.status = container->error_num;
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
