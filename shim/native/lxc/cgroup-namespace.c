/*
 * Where a container joins any namespace by path, liblxc unshares a cgroup namespace too, asked for or not (start.c,
 * lxc_spawn), and at that time its init is still in the monitor's cgroup: what it sees of its own is `/../../ID`. The
 * container's cgroup namespace, if it is to have one, is lxcri-init's to make, in the right place. There is no key for
 * that; but a definition in the program itself comes before libc's.
 */
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

int unshare(int flags)
{
	flags &= ~CLONE_NEWCGROUP;
	return flags ? (int)syscall(SYS_unshare, flags) : 0;
}
