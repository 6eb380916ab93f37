#ifndef LXCRI_CRASH_BLAME_H
#define LXCRI_CRASH_BLAME_H

struct keeper;

/**
 * A daemon has crashed, as its end has told; nobody killed it. What it had been asked comes to the next one, and would
 * crash that too if it was the reason. So after a few crashes soon after its delivery one request is refused: of those
 * that were there each time, the one that was delivered last. Never one that has waited for long: that is a Wait, whose
 * failure clients take for the container's end.
 */
void blame_crash(struct keeper *keeper, const char *reason);

#endif
