/*
 * The container's first process until the payload takes its place. liblxc starts it inside the finished namespaces and
 * root file system; it does there what liblxc has no key for, says that it is ready, waits for Start, and executes the
 * payload, which so becomes PID 1. It runs from a sealed memory file (see the monitor), so no container can reach a
 * file of the host's through /proc/<pid>/exe (CVE-2019-5736).
 */
#include "setup.h"

int main(void)
{
	return run_init();
}
