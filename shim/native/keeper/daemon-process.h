#ifndef LXCRI_DAEMON_PROCESS_H
#define LXCRI_DAEMON_PROCESS_H

#include "event-loop.h"
#include "frame-reader.h"
#include "frame.h"
#include "host/daemon-environment.h"
#include "host/failure.h"
#include "host/paths.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* Frames on the control connection; their stream id is 0. */
enum control_frame {
	// of the daemon
	CONTROL_LOADED = 0x20,   // its code is loaded, and nothing on disk was touched
	CONTROL_READY = 0x21,    // it serves
	CONTROL_SLEEP = 0x22,    // may it end? REQUESTS\0CONTAINERS\0
	CONTROL_PUBLISH = 0x23,  // KEY\0ADDRESS\0 and the data of a request
	CONTROL_RECORDED = 0x24, // KEY\0
	// of the keeper
	CONTROL_BEGIN = 0x30, // no other daemon is left
	CONTROL_GO = 0x31,
	CONTROL_STAY = 0x32,
	CONTROL_HANDOVER = 0x33,  // a successor is loaded
	CONTROL_PUBLISHED = 0x34, // KEY\0A and the data of a response, or KEY\0F and a text
	CONTROL_ANNOUNCED = 0x35  // a Create is about to come
};

/** Which descriptors a daemon finds open besides 0-2, and no others. */
#define DAEMON_RELAY_FD 3
#define DAEMON_CONTROL_FD 4

#define BUILD_MAX 64

enum daemon_stage {
	DAEMON_NONE,
	DAEMON_SPAWNED,  // forked
	DAEMON_EXECUTED, // Node runs
	DAEMON_LOADED,   // waits for BEGIN
	DAEMON_BEGUN,    // recovers
	DAEMON_READY,
	DAEMON_LEAVING // was told GO or HANDOVER
};

struct daemon_process;

/** What a process tells its owner. */
struct daemon_owner {
	void (*executed)(struct daemon_process *process);
	/** A frame of the daemon's, which stays the process's. */
	void (*said)(struct daemon_process *process, struct frame *frame);
};

/** What daemons have in common. */
struct daemon_setting {
	const struct paths *paths;
	char *const *environment;
	const char *identity; // LXCRI_KEEPER
	int network_fd;       // the network namespace that all of them share; -1: none
};

/** One daemon. All zero but for owner and context: none. */
struct daemon_process {
	const struct daemon_owner *owner;
	void *context;
	struct event_loop *loop;
	enum daemon_stage stage;
	bool is_handover; // LEAVING for a successor
	pid_t pid;
	unsigned number;
	char build[BUILD_MAX];
	char lib_dir[PATH_MAX];
	char relay_path[PATH_MAX];
	int64_t ready_at;       // monotonic, in nanoseconds
	uint64_t requests_sent; // whole request frames
	struct failure failure; // why it could not be executed; "" otherwise
	struct watch report;
	struct watch control;
	struct frame_reader reader;
	struct frame_output output;
	struct timer limit; // when it runs out, the process is killed
	bool is_overdue;    // it was
	off_t log_start;    // where in the log its own words begin
};

/** Starts one. 0, or -1: nothing has begun. Whether the exec succeeds is told later. */
int daemon_process_start(
	struct daemon_process *process, struct event_loop *loop, const struct daemon_setting *setting, unsigned number,
	const char *build, const char *lib_dir, struct failure *failure);

/** Sends a frame of these data parts. */
void daemon_process_tell(
	struct daemon_process *process, enum control_frame type, const void *head, size_t head_size, const void *data,
	size_t data_size);

/** It has so much time for what comes next. */
void daemon_process_limit(struct daemon_process *process, int64_t milliseconds);

/**
 * After it was reaped: takes what it had still to say, with the stage DAEMON_NONE, and gives everything back but its
 * number, build and failure.
 */
void daemon_process_close(struct daemon_process *process);

#endif
