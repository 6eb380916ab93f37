#ifndef LXCRI_ROOTFS_UNMOUNT_H
#define LXCRI_ROOTFS_UNMOUNT_H

#include "host/failure.h"

/**
 * Unmounts whatever is mounted on <bundle>/rootfs, in as many layers as there are. A busy one is detached, with a
 * warning on stderr, which containerd logs: the alternative is a bundle that can never be removed.
 */
int rootfs_unmount(const char *bundle, struct failure *failure);

#endif
