/*
 * The operations of plans that concern a process's streams: of the container's first process in monitor.plan, of an
 * exec in its own.
 */
#ifndef LXCRI_MONITOR_STREAM_OPERATIONS_H
#define LXCRI_MONITOR_STREAM_OPERATIONS_H

struct exec;
struct monitor;
struct process;

/* What the operations of a plan are about. */
struct plan_context {
	struct process *process;
	struct monitor *monitor; /* of a monitor.plan */
	struct exec *exec;       /* of an exec's */
};

int op_stdio(void *context, char **arguments);
int op_log_file(void *context, char **arguments);
int op_terminal(void *context, char **arguments);
int op_logger(void *context, char **arguments);
int op_logger_argument(void *context, char **arguments);
int op_logger_environment(void *context, char **arguments);

#define STREAM_OPERATIONS                                                                                              \
	{"stdio", 2, op_stdio}, {"log-file", 2, op_log_file}, {"terminal", 0, op_terminal}, {"logger", 2, op_logger},      \
		{"logger-argument", 1, op_logger_argument},                                                                    \
	{                                                                                                                  \
		"logger-environment", 1, op_logger_environment                                                                 \
	}

#endif
