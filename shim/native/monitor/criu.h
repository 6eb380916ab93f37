/*
 * criu(8), which writes the container's processes to files (dump) and makes processes of such files (restore). The
 * daemon decides with which arguments; it is the monitor that runs it, because it outlives the daemon, and is to be the
 * parent of what is restored.
 */
#ifndef LXCRI_MONITOR_CRIU_H
#define LXCRI_MONITOR_CRIU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../common/plan.h"
#include "../common/word-list.h"
#include "calls.h"

#define CRIU_DUMP_PLAN "dump.plan"
#define CRIU_RESTORE_PLAN "restore.plan"
/* What it says before it has its log, or the child that was to become it. */
#define CRIU_OUTPUT "criu.out"
/* The pid of the first process that was restored, in decimal. */
#define CRIU_PID_FILE "criu.pid"

/* How the last dump ended, in decimal. */
#define CRIU_STATUS_FILE "dump.status"

#define CRIU_MAX_INHERITED 16
#define CRIU_MAX_MOUNT_POINTS 512
/* The status of a dump that was not begun. */
#define CRIU_NOT_RUN 255

/* A descriptor that it gets: one of the container's streams, or (a stream of -1) a file of the host's. */
struct inherited_fd {
	uint32_t number;
	int stream;
	const char *path;
};

/* What a mount of the container is mounted on, below its root. */
struct mount_point {
	const char *path;
	bool is_directory;
};

struct criu {
	struct plan plan;
	struct word_list arguments;
	struct inherited_fd inherited[CRIU_MAX_INHERITED];
	size_t inherited_count;
	struct mount_point mount_points[CRIU_MAX_MOUNT_POINTS];
	size_t mount_point_count;
	/* The container's root file system, and where criu is to find it as a mount of its own; NULL: a dump. */
	const char *root, *place;
	bool cgroup_namespace; /* the container has one of its own, and criu is not to restore it */

	pid_t pid; /* 0: it does not run */
	bool restores;
	char dump_token[CALL_MAX_ID + 1]; /* which dump that was */
	int dump_status;                  /* of the last dump, as containerd counts exit statuses */
};

struct monitor;

/* criu-plan.c: what to do, until free_criu_plan. Returns 0, or -1 with errno. */
int read_criu_plan(struct criu *criu, const char *file);
void free_criu_plan(struct criu *criu);

/* criu-child.c: in a child of the monitor. `network`: a path of the host's network namespace, or "". */
_Noreturn void become_criu(const struct monitor *monitor, const char *network);

/* criu.c */
void command_checkpoint(struct monitor *monitor, const char *arguments);
/* Tells how the last dump ended, now or when it has. */
void command_await_checkpoint(struct monitor *monitor, const char *token);
/* The container that is being dumped is to go: nobody wants what is written. */
void command_abort_checkpoint(struct monitor *monitor);
void command_restore(struct monitor *monitor, const char *network);
/* Takes criu's end, if it has ended. */
void reap_criu(struct monitor *monitor);
/* As long as that is so, nobody knows yet which of the monitor's children is the container's first process. */
bool is_restoring(const struct monitor *monitor);
void kill_criu(const struct monitor *monitor);

#endif
