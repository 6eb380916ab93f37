/* How the monitor prepares an init, and speaks to it: common/gate.h has the protocol. */
#ifndef LXCRI_MONITOR_INIT_GATE_H
#define LXCRI_MONITOR_INIT_GATE_H

#include "process.h"

/*
 * A sealed copy of the init in memory, opened read-only (a file that is open for writing cannot be executed): no
 * container can reach a file of the host's through /proc/PID/exe (CVE-2019-5736). Returns -1 with errno.
 */
int open_init_program(const char *program);

/* The gate's two ends, ours first. Returns 0, or -1 with errno. */
int open_gate(int pair[2]);

/* Sends the plan `init.plan` and the streams, and closes what is only the payload's. 0, or -1 with errno. */
int send_streams(struct process *process);

/*
 * Takes one message of the init's, or of the helper's that could not become it: what it is, its terminal, how it
 * failed; and closes the gate when it is over, or speaks what nobody expects. Returns the message. `root` gets what
 * comes with GATE_ROOT, for the caller to close; -1 where there is none.
 */
enum gate_message receive_from_init(struct process *process, int *root);

#endif
