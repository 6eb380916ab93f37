/* What a forked child does to itself before it executes a program. */
#ifndef LXCRI_CHILD_H
#define LXCRI_CHILD_H

/* Puts `from` on `to`, open across exec; they must differ. Returns 0, or -1 with errno. */
int place_fd(int from, int to);
/* A copy above `target`, so that nothing that is yet to be placed is overwritten; -1 with errno. */
int move_above(int fd, int target);
/* The mask of whoever forked it would last across exec. */
void unblock_signals(void);

#endif
