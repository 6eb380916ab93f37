/* What the init knows while it carries out its plan. */
#ifndef LXCRI_INIT_SETUP_H
#define LXCRI_INIT_SETUP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "../common/gate.h"
#include "../common/hooks.h"
#include "../common/word-list.h"

#define SETUP_MAX_FDS 1024
/* NGROUPS_MAX of Linux */
#define SETUP_MAX_GROUPS 65536
#define SETUP_MAX_RLIMITS 16

/* The first descriptors that the monitor sends; mount sources follow. */
enum setup_fd { SETUP_PLAN, SETUP_STDIN, SETUP_STDOUT, SETUP_STDERR, SETUP_TREES };

struct capability_sets {
	uint64_t bounding, effective, permitted, inheritable, ambient;
};

struct rlimit_request {
	uint32_t resource;
	uint64_t soft, hard;
};

struct lxcri_instruction;

struct setup {
	int fds[SETUP_MAX_FDS];
	size_t fd_count;
	/* How many of them, after the streams, are files by which cgroups are joined; mount sources follow. */
	size_t join_count;

	/* The JSON path in config.json that the current operation comes from, for errors. */
	const char *field;
	/* Set where errno alone does not say enough; sent in place of "<field>: <strerror>". */
	char failure[GATE_TEXT];

	/* Applied last, in the order that the kernel demands (see credentials.c). */
	uid_t uid;
	gid_t gid;
	gid_t groups[SETUP_MAX_GROUPS];
	size_t group_count;
	bool may_set_groups;
	struct capability_sets capabilities;
	struct rlimit_request rlimits[SETUP_MAX_RLIMITS];
	size_t rlimit_count;
	bool no_new_privileges;
	/* The seccomp filter; NULL: none. */
	struct lxcri_instruction *filter;
	size_t filter_length;
	uint32_t filter_flags;
	bool has_terminal;
	bool set_personality;
	uint32_t personality;
	mode_t umask;
	const char *cwd;

	struct word_list arguments, environment;
	/* Those of startContainer. */
	struct hooks hooks;
	/* The payload, found in PATH: what execve gets. */
	char executable[4096];
};

/* The exit status of an init whose monitor is gone: nobody sees it. */
#define EXIT_SETUP_FAILED 128

/* All of it. Returns the exit status of an init whose payload was not executed. */
int run_init(void);

/* failure.c: records a failure text (printf-like) and returns -1; errno stays. */
int setup_fail(struct setup *setup, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What to tell the monitor, from errno and from what was recorded. */
struct gate_failure describe_failure(const struct setup *setup);
int exit_status_of(int error);

/* handshake.c: everything after GATE_HELLO and before GATE_SETUP, batch by batch */
int receive_descriptors(struct setup *setup);
/* Each is closed after its use: the container's limit of descriptors, which is set later, may be lower than all. */
void close_received(struct setup *setup, size_t index);
/* Waits for Start, and sizes the terminal as it says; returns the pipe on which a failed execve is told, or -1 when the
 * monitor is gone. */
int wait_for_start(const struct setup *setup);

/* signals.c: liblxc leaves the monitor's mask and dispositions; the payload starts with a clean slate. */
void reset_signals(void);

/* The operations of the plan, each in the file of its concept. `arguments` are as described in plan-operations.c. */
int op_attach(void *context, char **arguments);
int op_mount(void *context, char **arguments);
int op_setattr(void *context, char **arguments);
int op_propagation(void *context, char **arguments);
int op_unmount(void *context, char **arguments);
int op_mask(void *context, char **arguments);
int op_readonly(void *context, char **arguments);
int op_mkdir(void *context, char **arguments);
int op_mknod(void *context, char **arguments);
int op_symlink(void *context, char **arguments);
int op_write(void *context, char **arguments);

/* terminal.c */
int op_terminal(void *context, char **arguments);
int op_console(void *context, char **arguments);
/* Makes the terminal on the standard streams the session's. Returns 0, or -1 with errno. */
int take_terminal(void);
void resize_own_terminal(const struct gate_size *size);

/* apparmor.c: takes effect when the payload is executed */
int op_apparmor(void *context, char **arguments);

/* seccomp.c */
int op_seccomp(void *context, char **arguments);
/* Just before the payload is executed. */
int load_filter(struct setup *setup);

/* credentials.c: the capability with which a filter may be loaded, between take_credentials and the payload. */
int raise_loading_capability(struct setup *setup);
int drop_loading_capability(struct setup *setup);

/* start-hooks.c */
int op_pass_root(void *context, char **arguments);
/* After Start, before the payload. Returns 0, or -1 with errno and setup->failure. */
int run_start_hooks(struct setup *setup);

/* Carries out the whole plan that was received. Returns 0, or -1 with errno and perhaps setup->failure. */
int run_setup_plan(struct setup *setup);

/* Puts the container's stdio on 0, 1 and 2 and gives it to the container's user. */
int install_stdio(struct setup *setup);

/* Takes on the process's limits, user, groups, capabilities, working directory. There is no way back. */
int take_credentials(struct setup *setup);

/* Gives HOME the value in /etc/passwd where the environment has none or an empty one, as runc does. */
int complete_environment(struct setup *setup);
/* The home directory of a user in a passwd file, to be freed; NULL if there is none. */
char *find_home(FILE *passwd, uid_t uid);

/* Finds the payload as Go's exec.LookPath would, as the container's user; fills setup->executable. */
int find_executable(struct setup *setup);

#endif
