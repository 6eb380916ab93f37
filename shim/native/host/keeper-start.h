#ifndef LXCRI_KEEPER_START_H
#define LXCRI_KEEPER_START_H

/*
 * What a keeper finds when it starts: /dev/null at 0, 1 and 2, and these. LXCRI_RUN_DIR, LXCRI_BUILD and LXCRI_LIB_DIR
 * are in its environment, which is otherwise that of its daemons.
 */

/** The lock file, locked by the launcher: the kernel frees it when the keeper ends, by whatever cause. */
#define KEEPER_LOCK_FD 3

/** Takes the text of a failure; closed once the keeper listens. */
#define KEEPER_REPORT_FD 4

/** What a keeper reports once it listens; anything else is why it does not. */
#define KEEPER_LISTENS "\n"

#endif
