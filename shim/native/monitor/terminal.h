/*
 * A process's terminal: the init opens it in the container's devpts and passes the master
 * (shim/native/init/terminal.c). Its output goes to the client's stdout, and the client's stdin to it; the monitor
 * copies, since no FIFO is a terminal.
 */
#ifndef LXCRI_MONITOR_TERMINAL_H
#define LXCRI_MONITOR_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>

#define TERMINAL_BUFFER 8192

/* What was read from one side and not yet written to the other. */
struct pending {
	size_t start, end;
	char data[TERMINAL_BUFFER];
};

struct terminal {
	bool wanted;
	int master;          /* -1: not there yet, or nothing is behind it any more */
	bool is_hung_up;     /* nobody has it open for the moment, but somebody may again */
	struct winsize size; /* asked for by a client; 0 and 0: not yet */
	struct pending output, input;
};

struct process;
struct watch_list;

/* Takes the descriptor that an init sent for a terminal's master. Returns 0, or -1 with errno: it is none. */
int adopt_terminal(struct process *process, int fd);
/* Also before there is a terminal. Returns 0 or an errno. */
int resize_terminal(struct process *process, unsigned short rows, unsigned short columns);
void watch_terminal(struct process *process, struct watch_list *list);
/* Copies what can be copied without waiting. */
void copy_terminal(struct process *process);
/* Whether output may still be on its way to the client. */
bool terminal_has_output(const struct process *process);
void close_terminal(struct process *process);

#endif
