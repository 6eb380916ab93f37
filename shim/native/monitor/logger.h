/*
 * A program that a client names to take a process's output: `binary://` (containerd, pkg/process/io_util.go and
 * runtime/v2/README.md). It reads stdout on 3 and stderr on 4, and says that it is ready by closing 5, or a byte on it.
 */
#ifndef LXCRI_MONITOR_LOGGER_H
#define LXCRI_MONITOR_LOGGER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define LOGGER_MAX_ARGUMENTS 64
#define LOGGER_MAX_ENVIRONMENT 8

struct logger {
	const char *program; /* NULL: there is none */
	const char *arguments[LOGGER_MAX_ARGUMENTS];
	size_t argument_count;
	const char *environment[LOGGER_MAX_ENVIRONMENT];
	size_t environment_count;
	const char *network; /* the path of the network namespace that it runs in */
	pid_t pid;           /* 0: not yet, or not any more */
	int ready;           /* readable once it is; -1: it is, or there is none */
	bool terminated;     /* it got its SIGTERM */
};

struct process;
struct watch_list;

/* Starts it, and puts the pipes to it in place of stdout and stderr. Returns 0, or -1 with the failure recorded. */
int start_logger(struct process *process);
/* Once `ready` is readable: notes that it is ready. False if it is not, after all. */
bool take_readiness(struct logger *logger);
/* After the process's end: whether it still runs. One that a released process has left is asked to end, then made to.
 */
bool settle_logger(struct process *process);

#endif
