/*
 * Execs: processes that clients start in the container beside its first one. The daemon writes
 * `execs/ID.plan`, the monitor `execs/ID.status`.
 */
#ifndef LXCRI_MONITOR_EXEC_H
#define LXCRI_MONITOR_EXEC_H

#include <stdbool.h>
#include <sys/types.h>

#include "../common/plan.h"
#include "process.h"

#define EXEC_MAX_ID 128

struct monitor;
struct watch_list;

struct exec {
	struct exec *next;
	char id[EXEC_MAX_ID + 1];
	char prefix[EXEC_MAX_ID + 16], plan_file[EXEC_MAX_ID + 16];
	struct process process;
	char network[128];
	struct plan plan;          /* the paths of its streams are in it */
	const char *oom_score_adj; /* NULL: the monitor's */
	/* The child that enters the container and forks the process there; 0 once it has ended. */
	pid_t helper;
	bool is_launched; /* there is, or was, such a child */
	bool gone;        /* to be freed before the next wait */
};

struct exec *find_exec(const struct monitor *monitor, const char *id);
/*
 * Starts it, with this size of its terminal, and its logger in this network namespace; or, if it has been started,
 * tells again what is known.
 */
void start_exec(
	struct monitor *monitor, const char *id, unsigned short rows, unsigned short columns, const char *network);
/* What clients may know of it: that it runs, that it has ended. */
void tell_exec(struct monitor *monitor, const struct exec *exec);
void watch_execs(struct monitor *monitor, struct watch_list *list);
/* Takes what inits have said, of which each may be the last. */
void hear_execs(struct monitor *monitor);
/* Takes the end of a child, if it is an exec's. */
void end_exec(struct monitor *monitor, pid_t pid, int wait_status);
void kill_execs(struct monitor *monitor);
/* Ends one that may not have a process yet. Returns 0 or an errno. */
int kill_exec(struct monitor *monitor, struct exec *exec);
/* Its output will not be read, and it is not to be: told when nothing of it is left. */
void release_exec(struct monitor *monitor, struct exec *exec);
bool has_living_execs(const struct monitor *monitor);
/* Looks after the output of execs that have ended, and frees what is over. The worst state of all. */
enum settling settle_execs(struct monitor *monitor);

/* exec-child.c: in a child of the monitor: enters the container and forks the exec's process there. */
_Noreturn void enter_container(const struct monitor *monitor, const struct exec *exec, int gate, int init_program);

#endif
