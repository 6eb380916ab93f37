#include "ensure-keeper.h"

#include "host/run-dir.h"
#include "keeper-call.h"
#include "keeper-lock.h"
#include "keeper-spawn.h"

#include <errno.h>
#include <unistd.h>

#define FIRST_WAIT_US 1000
#define LONGEST_WAIT_US 20000

/** Leaves things as they were before a start that failed. All but the run directory goes while the lock is held. */
static void undo_start(const struct paths *paths)
{
	unlink(paths->keeper_socket);
	run_dir_remove_own(paths);
	unlink(paths->keeper_lock);
	run_dir_remove(paths);
}

enum outcome { GO_ON, START_FAILED };

/** As the holder of the lock. */
static enum outcome start(const struct paths *paths, int lock_fd, deadline end, struct failure *failure)
{
	if (run_dir_prepare_own(paths, failure) != 0) {
		undo_start(paths);
		return START_FAILED;
	}
	switch (keeper_spawn(paths, lock_fd, end, failure)) {
		case SPAWN_LISTENS:
			return GO_ON;
		case SPAWN_FAILED:
			undo_start(paths);
			return START_FAILED;
		case SPAWN_UNKNOWN:
			// Should it come up after all, it holds the lock already.
			return START_FAILED;
	}
	return START_FAILED;
}

/** Starts a keeper, if nobody else has one or starts one. */
static enum outcome start_if_alone(const struct paths *paths, deadline end, struct failure *failure)
{
	if (run_dir_prepare(paths, failure) != 0)
		return START_FAILED;
	int fd = keeper_lock_open(paths);
	if (fd < 0) {
		// ENOENT: somebody whose start failed, or a keeper that departed, has just removed the directory.
		if (errno == ENOENT)
			return GO_ON;
		fail_errno(failure, "cannot open the lock %s", paths->keeper_lock);
		run_dir_remove(paths);
		return START_FAILED;
	}
	enum outcome outcome = GO_ON;
	enum lock_result result = keeper_lock_try(fd, paths, failure);
	if (result == LOCK_TAKEN)
		outcome = start(paths, fd, end, failure);
	else if (result == LOCK_FAILED)
		outcome = START_FAILED;
	close(fd);
	return outcome;
}

static int64_t longer(int64_t wait)
{
	return wait * 2 > LONGEST_WAIT_US ? LONGEST_WAIT_US : wait * 2;
}

int ensure_keeper(
	char socket[PATH_MAX], const struct paths *paths, const char *namespace_name, deadline end, struct failure *failure)
{
	if (paths_namespace_socket(socket, paths, namespace_name, failure) != 0)
		return -1;
	for (int64_t wait = 0;; wait = wait == 0 ? FIRST_WAIT_US : longer(wait)) {
		switch (keeper_call_listen(socket, paths, namespace_name, end, failure)) {
			case KEEPER_ANSWERED:
				return 0;
			case KEEPER_REFUSED:
				return -1;
			case KEEPER_ABSENT:
				break;
		}
		if (deadline_left_ns(end) == 0)
			return fail(
				failure, "a keeper holds %s but does not answer on %s: its log %s may say why", paths->keeper_lock,
				paths->keeper_socket, paths->keeper_log);
		if (wait > 0)
			deadline_sleep_us(end, wait);
		if (start_if_alone(paths, end, failure) != GO_ON)
			return -1;
	}
}
