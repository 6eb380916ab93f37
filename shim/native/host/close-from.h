#ifndef LXCRI_CLOSE_FROM_H
#define LXCRI_CLOSE_FROM_H

/**
 * Closes every descriptor from `first` on. A pipe of containerd's that stayed open in the daemon would make containerd
 * wait for it without end.
 */
void close_from(int first);

#endif
