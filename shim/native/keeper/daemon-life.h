#ifndef LXCRI_DAEMON_LIFE_H
#define LXCRI_DAEMON_LIFE_H

#include "daemon-process.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct keeper;

/** When there is a daemon, and which. */
struct daemon_life {
	struct daemon_process slots[2];
	struct daemon_process *current;   // NULL: none
	struct daemon_process *successor; // one that loads while the current one works; NULL: none
	unsigned last_number;
	char build[BUILD_MAX]; // which program is to be run
	char lib_dir[PATH_MAX];
	struct timer start;            // runs: a daemon is to be started then
	bool ending;                   // the keeper ends: no daemon is started any more
	bool wanted;                   // something came that the daemon of now does not do any more
	bool woken;                    // a monitor had something to tell since the daemon last decided to stay
	bool answered;                 // the daemon has answered a request
	unsigned failures;             // daemons in a row that never served
	int64_t failing_since;         // the first of them
	unsigned hasty;                // daemons in a row that died at once
	char reason[512];              // why the last one died
	uint64_t containers;           // as the last daemon that asked to sleep has told
	char refused_build[BUILD_MAX]; // could not be loaded
	int64_t refused_at;
};

/** `build` and `lib_dir` are those of the launcher that started the keeper. */
int daemon_life_init(struct keeper *keeper, const char *build, const char *lib_dir, struct failure *failure);

/** The daemon that takes requests now, or NULL. */
const struct daemon_process *daemon_life_serving(const struct keeper *keeper);

/** There is work: starts a daemon, now or when the present one has ended. Nothing happens before it returns. */
void daemon_life_want(struct keeper *keeper);

/** A monitor has something to tell. */
void daemon_life_wake(struct keeper *keeper);

/**
 * A container is about to come: a daemon is started if there is none. True: whether its program can be run is not known
 * yet, and control_started() will tell.
 */
bool daemon_life_announce(struct keeper *keeper);

/** Whether daemons are of this build, or are just being replaced by such. */
bool daemon_life_is(const struct keeper *keeper, const char *build);

/** Whether this build could not be loaded a little while ago. */
bool daemon_life_refused(const struct keeper *keeper, const char *build);

/**
 * Replaces the daemon: the new one loads beside it, then takes over. control_replaced() tells how it went; that may be
 * before this returns.
 */
void daemon_life_replace(struct keeper *keeper, const char *build, const char *lib_dir);

/** Replaces a daemon that can be reached no more by another of its build; unless that was just tried in vain. */
void daemon_life_renew(struct keeper *keeper);

/** A whole request was sent to the daemon. */
void daemon_life_sent(struct keeper *keeper);

/** A whole answer came from it. */
void daemon_life_answered(struct keeper *keeper);

/** A child of the keeper's has been reaped. */
void daemon_life_reaped(struct keeper *keeper, pid_t pid, int status);

/** The keeper ends, and the daemon is to end well. */
void daemon_life_end(struct keeper *keeper);

/** Whether no daemon is left. */
bool daemon_life_has_ended(const struct keeper *keeper);

/** asleep, starting, ready, leaving or backoff */
const char *daemon_life_state(const struct keeper *keeper);

/** Whether there is no daemon, none to come, and no container that one would have to know. */
bool daemon_life_is_over(const struct keeper *keeper);

/** Sends a frame to the daemon that works, if there is one. */
void daemon_life_tell(
	struct keeper *keeper, enum control_frame type, const void *head, size_t head_size, const void *data,
	size_t data_size);

#endif
