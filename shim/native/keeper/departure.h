#ifndef LXCRI_DEPARTURE_H
#define LXCRI_DEPARTURE_H

struct keeper;

/**
 * How long until the keeper may end, for want of anything to keep, if nothing comes in between; in milliseconds. -1: it
 * is needed. 0: at once, if nothing waits to be handled.
 */
int departure_wait_ms(const struct keeper *keeper);

/**
 * Removes what the keeper has made, in an order in which no launcher can be given what is about to go: whoever is too
 * late finds no keeper.sock, or a connection without an answer, and waits for the lock. `cgroups` is what
 * cgroup_join_own() gave.
 */
void departure_clean_up(struct keeper *keeper, char *cgroups);

/** Removes what a keeper that was killed has left. */
void departure_clean_up_after_another(const struct keeper *keeper);

#endif
