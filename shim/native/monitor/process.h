/* A process that clients start, signal and wait for: the container's first one, or one that Exec adds. */
#ifndef LXCRI_MONITOR_PROCESS_H
#define LXCRI_MONITOR_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "../common/gate.h"
#include "calls.h"
#include "logger.h"
#include "terminal.h"

/* Exit status of a process that a signal ended, as containerd counts it. */
#define SIGNALED_STATUS_BASE 128

enum phase { PHASE_CREATING, PHASE_CREATED, PHASE_RUNNING, PHASE_STOPPED };

/* One standard stream: what the process gets (or its terminal's end, here), and what keeps the FIFO alive meanwhile. */
struct stream {
	const char *path; /* "" is /dev/null */
	bool create;      /* a file that may have to be made */
	int payload_fd;
	int hold_fd;
	bool was_read; /* somebody had opened it to read */
	/* What the process gets: 0 where the kernel does not tell. */
	uint32_t mode;
	uint64_t mount, inode;
};

/* Whom FIFOs are given to, by the host's ids. */
struct stream_owner {
	bool given;
	uint32_t uid, gid;
};

struct process {
	enum phase phase;
	const char *prefix; /* of its files' names, below the container's directory: "" or "execs/ID." */
	const char *plan;   /* the file that has the init's plan, and where in it that begins */
	off_t plan_offset;
	struct stream streams[3];
	struct terminal terminal;
	struct logger logger;
	int gate, start_report; /* -1 where there is none */
	bool started;           /* the payload was executed */
	/* Whose call it is that asked for its start; "": nobody's, or of a daemon that did not say. */
	char asked[CALL_MAX_ID + 1];
	bool start_failed;             /* then `failure` tells why, though nothing else has failed */
	const struct call_list *calls; /* to be kept with its end; NULL: none are */
	pid_t pid;                     /* on the host; 0 before it has said hello */
	int pidfd;
	uint64_t start_time;
	bool failed;
	struct gate_failure failure;
	int exit_status;
	struct timespec exited_at;
	uint64_t oom_count; /* so often the kernel killed in its cgroup for want of memory, as far as it is recorded */
	bool released;      /* who has not read its output soon after will not */
	struct timespec released_at;
};

void initialize_process(struct process *process, const char *prefix, const char *plan);
/* Records the first failure (errno and text) and returns -1. */
int process_fail(struct process *process, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Tells which process it is from now on. Returns 0, or -1 with the failure recorded. */
int identify_process(struct process *process, pid_t pid);
/* Returns 0 or an errno: ESRCH when it has ended or is not there yet. */
int signal_process(const struct process *process, int number);
/* `status` as containerd counts it; the time is now. */
void record_exit(struct process *process, int status);
/* What waitpid(2) tells, as containerd counts it. */
int decode_wait_status(int status);
enum start_report { REPORT_NONE_YET, REPORT_EXECUTED, REPORT_FAILED };

/* What the init says of the payload's execution, without waiting for it. `failure` is filled for REPORT_FAILED. */
enum start_report receive_start_report(struct process *process, struct gate_failure *failure);
/* Lets the init execute the payload: it gets the pipe of the start report. Returns 0, or -1 with errno. */
int send_go(struct process *process);

/* streams.c */
int open_streams(struct process *process, const struct stream_owner *owner);
void close_payload_streams(struct process *process);
void close_stdin(struct process *process);
void release_streams(struct process *process);
/* How far the output of a process that has ended is. */
enum settling {
	SETTLED,
	SETTLING_COPIES, /* its terminal may have more */
	SETTLING_KEEPS,  /* it is kept for a reader: look again soon whether one came */
};

/* After the end: lets go of every stream whose output has a reader. */
enum settling settle_streams(struct process *process);

/* status-file.c */
void write_status(const struct process *process);
/* Takes over what the status file of an earlier monitor says, but for the end. 0, or -1 if there is none. */
int read_status(struct process *process);
/* The file `failure`: why a container could not be made, for a daemon that finds no monitor any more. */
void write_failure(const struct gate_failure *failure);
bool status_exists(void);

/* Closes it if it is open, and notes that. */
void close_fd(int *fd);

#endif
