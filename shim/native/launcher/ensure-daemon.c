#include "ensure-daemon.h"

#include "daemon-lock.h"
#include "daemon-socket.h"
#include "daemon-spawn.h"
#include "file-io.h"
#include "run-dir.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#define FIRST_WAIT_US 1000
#define LONGEST_WAIT_US 20000

/** Leaves things as they were before a start that failed. The lock file goes last, while its lock is still held. */
static void undo_start(const struct paths *paths)
{
	unlink(paths->socket_new);
	unlink(paths->lock);
	run_dir_remove_if_empty(paths);
}

static enum spawn_result spawn(const struct paths *paths, int lock_fd, deadline end, struct failure *failure)
{
	if (daemon_socket_remove_stale(paths, failure) != 0 || daemon_lock_touch(lock_fd, paths, failure) != 0)
		return SPAWN_FAILED;
	int socket_fd = daemon_socket_listen(paths, failure);
	if (socket_fd < 0)
		return SPAWN_FAILED;
	enum spawn_result result = daemon_spawn(paths, socket_fd, lock_fd, end, failure);
	close(socket_fd);
	return result;
}

/** Starts a daemon, as the holder of the lock. */
static int start_daemon(const struct paths *paths, int lock_fd, deadline end, struct failure *failure)
{
	switch (spawn(paths, lock_fd, end, failure)) {
		case SPAWN_RUNS:
			return daemon_socket_publish(paths, failure);
		case SPAWN_FAILED:
			undo_start(paths);
			return -1;
		case SPAWN_UNKNOWN:
			// Should it come up after all, it publishes the socket itself; it holds the lock already.
			return -1;
	}
	return -1;
}

static bool daemon_stays(const struct paths *paths)
{
	// The socket is asked, not only looked at: a launcher that has just got the lock of a killed daemon may not yet
	// have come to removing that one's socket.
	return !file_exists(paths->leaving) && daemon_socket_is_live(paths->socket);
}

enum outcome { DONE, FAILED, RETRY_OPEN };

/** With the lock file open: until a daemon lives that will stay. */
static enum outcome settle(const struct paths *paths, int lock_fd, deadline end, struct failure *failure)
{
	for (int64_t wait = FIRST_WAIT_US;; wait = wait * 2 > LONGEST_WAIT_US ? LONGEST_WAIT_US : wait * 2) {
		switch (daemon_lock_try(lock_fd, paths, failure)) {
			case LOCK_FAILED:
				return FAILED;
			case LOCK_REPLACED:
				return RETRY_OPEN;
			case LOCK_TAKEN:
				return start_daemon(paths, lock_fd, end, failure) == 0 ? DONE : FAILED;
			case LOCK_BUSY:
				break;
		}
		if (daemon_lock_touch(lock_fd, paths, failure) != 0)
			return FAILED;
		if (daemon_stays(paths))
			return DONE;
		if (deadline_left_ns(end) == 0) {
			fail(
				failure, "a shim daemon holds %s but does not listen on %s: its log %s may say why", paths->lock,
				paths->socket, paths->log);
			return FAILED;
		}
		deadline_sleep_us(end, wait);
	}
}

int ensure_daemon(const struct paths *paths, deadline end, struct failure *failure)
{
	for (;;) {
		if (run_dir_prepare(paths, failure) != 0)
			return -1;
		int lock_fd = daemon_lock_open(paths);
		if (lock_fd < 0) {
			// ENOENT: another launcher whose start failed has just removed the directory.
			if (errno == ENOENT && deadline_left_ns(end) > 0)
				continue;
			fail_errno(failure, "cannot open the lock %s", paths->lock);
			run_dir_remove_if_empty(paths);
			return -1;
		}
		enum outcome outcome = settle(paths, lock_fd, end, failure);
		close(lock_fd);
		if (outcome != RETRY_OPEN)
			return outcome == DONE ? 0 : -1;
	}
}
