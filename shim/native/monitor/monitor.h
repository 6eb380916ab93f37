/*
 * The monitor of one container: it outlives the daemon, so everything that must not be lost passes through it or its
 * files. It opens the stdio FIFOs, mounts the root file system, starts the driver (liblxc), guards the gate, writes
 * what happened to the file `status`, and tells whichever daemon is connected.
 */
#ifndef LXCRI_MONITOR_H
#define LXCRI_MONITOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "../common/driver.h"
#include "../common/hooks.h"
#include "criu.h"
#include "exec.h"
#include "process.h"
#include "watch.h"

#define MONITOR_MAX_MOUNTS 64
#define MONITOR_MAX_TREES 1000
#define MONITOR_MAX_NAMESPACES 8
#define MONITOR_MAX_CGROUPS 32
#define MONITOR_MAX_SETTINGS 1024
#define MONITOR_MAX_KEPT 128
#define MONITOR_MAX_CONNECTIONS 4

struct rootfs_mount {
	const char *directory; /* where to stand for the call: overlay's lowerdir may be relative to it; "" for nowhere */
	const char *source, *target, *type, *data;
	uint64_t flags;
	bool mounted;
};

enum cgroup_kind { CGROUP_V1, CGROUP_V1_CPUSET, CGROUP_V2 };

/* The container's own cgroup in one hierarchy: the directory base + path. */
struct cgroup {
	enum cgroup_kind kind;
	const char *base, *path;
};

struct cgroup_setting {
	const char *field, *file, *value;
};

/* A file whose content outlives the cgroup, and its name there. */
struct kept_file {
	const char *name, *path;
};

struct joined_namespace {
	const char *field, *name, *path;
	uint32_t type;
};

struct tree_source {
	const char *field, *source;
	bool recursive;
};

struct connection {
	int fd; /* -1: free */
	size_t length;
	char line[512];
};

/* What is to be told and has not been heard. */
struct wake {
	bool due;
	bool refused; /* the last try could not reach the keeper, which is there */
	int delay_ms; /* until the next try */
	struct timespec tried_at;
};

struct monitor {
	const char *init_program;
	const char *field; /* JSON path of what is done now, for errors */

	/* From the plan. */
	struct stream_owner stream_owner;
	struct rootfs_mount mounts[MONITOR_MAX_MOUNTS];
	size_t mount_count;
	struct tree_source trees[MONITOR_MAX_TREES];
	size_t tree_count;
	struct joined_namespace namespaces[MONITOR_MAX_NAMESPACES];
	size_t namespace_count;
	struct cgroup cgroups[MONITOR_MAX_CGROUPS];
	size_t cgroup_count;
	size_t made_cgroups; /* so many of them are the container's; the rest may be somebody else's */
	struct cgroup_setting settings[MONITOR_MAX_SETTINGS];
	size_t setting_count;
	const char *device_filter, *device_cgroup; /* NULL: none */
	const char *oom_directory;                 /* of the memory controller; NULL: none */
	bool oom_unified;
	struct kept_file kept[MONITOR_MAX_KEPT];
	size_t kept_count;
	const char *orders[DRIVER_MAX_WORDS];
	size_t order_count;
	struct hooks hooks;
	const char *bundle, *root_path, *host_network; /* for hooks */

	/* The container. */
	struct process init;
	bool is_restored; /* by criu, rather than started by the driver */
	struct criu criu;
	struct exec *execs;
	const char *driver_program;
	pid_t driver_pid;
	bool driver_ended;
	int root_tree;      /* a copy of the container's mounts, for createContainer; -1: not there */
	bool is_announced;  /* clients know that the payload runs */
	bool has_run_hooks; /* so those of the end are to be run */
	pid_t hook_pid;     /* 0: none runs */
	int hook_status, hook_pidfd;
	int host_network_fd; /* -1: there are no hooks */
	int driver;          /* its socket; -1: closed */
	bool ending;         /* the first process has ended; its end is told after those of the execs */
	int oom;             /* becomes readable when the kernel killed for want of memory; -1: none */
	uint64_t oom_count;
	bool is_accepted; /* its daemon lived when the next one could find it: what becomes of it is for good */

	/* What daemons ask for. */
	struct call_list calls;
	const char *call; /* the identity of the one that is carried out; "": it has none */
	int call_error;   /* what becomes of it: an errno, or 0 */

	/* The outside. */
	int listener, signals;
	struct connection connections[MONITOR_MAX_CONNECTIONS];
	const struct connection *audience; /* whom to tell; NULL: all */
	struct wake wake;
};

/* run.c */
/* Handles what has happened, or happens next. Not for handlers. */
void serve(struct monitor *monitor, int timeout);
void monitor_initialize(struct monitor *monitor);
/* Both return an exit status. */
int run_monitor(struct monitor *monitor, const char *driver, const char *init);
/* clean-up.c */
/* `host_network`: a path that is good now, unlike the one in the plan. */
int clean_up_after_monitor(struct monitor *monitor, const char *directory, const char *host_network);

/* plan-operations.c: reads `monitor.plan`; nothing is done yet, so that cleanup can read it too. */
int monitor_read_plan(struct monitor *monitor);
/* Reads the monitor's part of `execs/ID.plan`. */
int read_exec_plan(struct exec *exec);
void free_exec_plan(struct exec *exec);

/* namespaces.c: liblxc joins whatever it is given, of whichever type */
int check_namespaces(struct monitor *monitor);
/* CLONE_NEW flags of those of a process that are not ours; to join one's own user namespace is an error. */
int foreign_namespaces(pid_t pid);

/* host-hooks.c: those of one kind, in their order. Returns 0, or -1 with the failure recorded, if that is one. */
int run_hooks(struct monitor *monitor, enum hook_kind kind, const char *status);
/* Before the daemon that names it may end. */
int open_host_network(struct monitor *monitor);

/* rootfs.c */
int mount_rootfs(struct monitor *monitor);
/* Whether it makes a mount, rather than changing one. */
bool is_new_mount(const struct rootfs_mount *mount);
void unmount_rootfs(struct monitor *monitor);

/* cgroup-setup.c */
int make_cgroups(struct monitor *monitor);
int apply_cgroup_settings(struct monitor *monitor);
/* v1: the file to which the init writes "0" to join. */
int open_join_file(const struct cgroup *cgroup);
int join_unified(const struct cgroup *cgroup, pid_t pid);

/* keep-stats.c: before the cgroups are removed */
void keep_stats(const struct monitor *monitor);

/* oom.c */
void watch_oom(struct monitor *monitor);
void on_oom(struct monitor *monitor);
void tell_oom(struct monitor *monitor);
void forget_oom(struct monitor *monitor);

/* device-filter.c */
int attach_device_filter(struct monitor *monitor);

/* cgroup-removal.c: kills what is left in the cgroups that were made, and removes them. */
/* Whether a file of a directory took all of a short text at once, as files of cgroups do. */
bool write_cgroup_text(int directory, const char *name, const char *value);
void remove_cgroups(struct monitor *monitor);
/* Kills what is in them; in v1 not what is in others below. */
void kill_in_cgroups(const struct monitor *monitor);
/* cgroup-signals.c: to all processes of the container. Returns 0 or an errno. */
int signal_in_cgroups(const struct monitor *monitor, int number);
/* For a monitor that died while it made them: what it had not made yet may be somebody else's. */
void remove_empty_cgroups(const struct monitor *monitor);

/* driver.c: started before there is a container, ordered when there is one */
int start_driver(struct monitor *monitor, const char *program, const char *init_program);
int order_driver(struct monitor *monitor);
/* The same words whenever it is noticed. Returns -1, as monitor_fail. */
int fail_without_driver(struct monitor *monitor);

/* container.c: the events of the main loop */
void watch_container(struct monitor *monitor, struct watch_list *list);
/* All that is known, to the monitor's audience. */
void tell_container(struct monitor *monitor);
/* Takes the ends of children, and what follows from them. */
void reap_children(struct monitor *monitor);
/* That the first process starts is the current call's doing; tells it too. */
void set_asked(struct monitor *monitor);
void command_start(struct monitor *monitor);
/* A container whose first process is yet to be made by criu. */
void await_restore(struct monitor *monitor);
/* criu has made it, and it is identified. */
void init_is_restored(struct monitor *monitor);
/* The payload cannot be executed: notes why, and tells it. The container's end follows. */
void refuse_start(struct monitor *monitor, int error, const char *text);
/* criu has not: tells why, and that the container has ended. */
void fail_restore(struct monitor *monitor, int error, const char *text);
/* Prepares the init that has said hello, up to the beginning of its set-up. */
int brief_init(struct monitor *monitor);
int set_up_init(struct monitor *monitor);
/* Lets an init that has passed its mounts go on. */
int resume_init(struct monitor *monitor);
/* Tells that the payload was executed, once poststart's hooks have been run. */
void announce_running(struct monitor *monitor);
void command_abort(struct monitor *monitor);
/* A container that could not be started: what there is of it ends. */
void give_up(struct monitor *monitor);
/* wake.c: the keeper, which starts a daemon when nobody listens */
/* Something has been told to nobody. Does nothing before there is a socket on which a daemon can find us. */
void wake_keeper(struct monitor *monitor);
/* Tries again when it is time to. */
void watch_wake(struct monitor *monitor, struct watch_list *list);
/* A daemon has come, and is told everything. */
void forget_wake(struct monitor *monitor);
/* The keeper is there and knows nothing yet: who ends now is found by nobody. */
bool is_waking(const struct monitor *monitor);
/* control.c */
int open_control(struct monitor *monitor);
void adopt_connection(struct monitor *monitor, int fd);
void watch_control(struct monitor *monitor, struct watch_list *list);
void accept_connection(struct monitor *monitor);
/* The end of all connections, of which each daemon has heard everything. */
void part_with_daemons(struct monitor *monitor);
void read_connection(struct monitor *monitor, struct connection *connection);
void tell(struct monitor *monitor, const char *format, ...) __attribute__((format(printf, 2, 3)));
void warn(struct monitor *monitor, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Records why the container cannot be (errno and text), and returns -1. */
#define monitor_fail(monitor, ...) process_fail(&(monitor)->init, __VA_ARGS__)

#endif
