#ifndef LXCRI_LXC_INIT_STATUS_H
#define LXCRI_LXC_INIT_STATUS_H

/*
 * The true end of an init that a SIGHUP killed, in liblxc's form (signal << 8 | 0x7f), or -1.
 *
 * liblxc takes such an end for a reboot: it starts the container once more, and forgets how the first one ended
 * (start.c, __lxc_start). A container of OCI runs once. There is no key and no call to say so; but liblxc learns of the
 * end from waitpid, and a definition in the program itself comes before libc's: init-status.c has one that shows liblxc
 * a SIGKILL in its place.
 */
int hidden_init_status(void);

#endif
