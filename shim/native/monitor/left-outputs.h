/*
 * Output of processes that are deleted, which nobody has read. A client that means to read it may only be about to open
 * the FIFO: containerd's client opens it beside its calls, and on a busy machine a short process can have ended and be
 * deleted before. runc's shim waits for the reader before it starts the process, for as long as that takes.
 */
#ifndef LXCRI_MONITOR_LEFT_OUTPUTS_H
#define LXCRI_MONITOR_LEFT_OUTPUTS_H

#include <stdbool.h>
#include <time.h>

/* How long clients may take to read after Delete is over. */
bool is_grace_over(const struct timespec *released_at);
/* A writer of a FIFO without any reader polls as an error. */
bool has_reader(int writer);
/* Keeps the writing end of a FIFO for a moment; it is nobody else's from here on. */
void leave_output(int writer);
/* Closes those that have a reader now, or can have none, or waited long enough. Whether there are others. */
bool tend_left_outputs(void);

#endif
