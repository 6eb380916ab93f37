#ifndef LXCRI_OWN_FILES_H
#define LXCRI_OWN_FILES_H

#include "event-loop.h"

struct keeper;

/**
 * keeper.sock and keeper.lock, which stand for the keeper in the run directory. Without the one nobody could reach it
 * any more, and without the other there would be a second keeper: so whoever removes one finds it made again.
 */
struct own_files {
	struct watch removals; // an inotify descriptor
};

/** Begins to look after them. What fails is noted in the log: the keeper works without. */
void own_files_watch(struct keeper *keeper);

/** They are about to be removed on purpose. */
void own_files_close(struct keeper *keeper);

#endif
