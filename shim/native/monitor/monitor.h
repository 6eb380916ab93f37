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
#include "../common/gate.h"

#define MONITOR_MAX_MOUNTS 64
#define MONITOR_MAX_TREES 1000
#define MONITOR_MAX_NAMESPACES 8
#define MONITOR_MAX_CGROUPS 32
#define MONITOR_MAX_SETTINGS 1024
#define MONITOR_MAX_KEPT 128
#define MONITOR_MAX_CONNECTIONS 4

/* Exit status of a process that a signal ended, as containerd counts it. */
#define SIGNALED_STATUS_BASE 128

enum phase { PHASE_CREATING, PHASE_CREATED, PHASE_RUNNING, PHASE_STOPPED };

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

/* One standard stream of the container: what the init gets, and what keeps the FIFO alive meanwhile. */
struct stream {
	const char *path; /* "" is /dev/null */
	bool create;      /* a file that may have to be made */
	int payload_fd;
	int hold_fd;
};

struct connection {
	int fd; /* -1: free */
	size_t length;
	char line[64];
};

struct monitor {
	enum phase phase;
	const char *field; /* JSON path of what is done now, for errors */

	/* From the plan. */
	struct stream streams[3];
	bool gives_streams;
	uint32_t stream_uid, stream_gid;
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

	/* The container. */
	pid_t driver_pid;
	bool driver_ended;
	int gate, driver, start_report; /* -1 where there is none */
	bool started;                   /* the payload was executed */
	bool setting_up;                /* the init has said hello */
	pid_t init_pid;
	int init_pidfd;
	uint64_t init_start_time;
	bool failed;
	struct gate_failure failure;
	int oom; /* becomes readable when the kernel killed for want of memory; -1: none */
	uint64_t oom_count;
	int exit_status;
	struct timespec exited_at;

	/* The outside. */
	int listener, signals;
	struct connection connections[MONITOR_MAX_CONNECTIONS];
	bool released;
};

/* run.c */
void monitor_initialize(struct monitor *monitor);
/* Both return an exit status. */
int run_monitor(struct monitor *monitor, const char *driver, const char *init);
/* clean-up.c */
int clean_up_after_monitor(struct monitor *monitor, const char *directory);

/* plan-operations.c: reads `monitor.plan`; nothing is done yet, so that cleanup can read it too. */
int monitor_read_plan(struct monitor *monitor);

/* namespaces.c: liblxc joins whatever it is given, of whichever type */
int check_namespaces(struct monitor *monitor);

/* rootfs.c */
int mount_rootfs(struct monitor *monitor);
/* Whether it makes a mount, rather than changing one. */
bool is_new_mount(const struct rootfs_mount *mount);
void unmount_rootfs(struct monitor *monitor);

/* streams.c */
int open_streams(struct monitor *monitor);
void close_payload_streams(struct monitor *monitor);
void close_stdin(struct monitor *monitor);
/* After the end: lets go of every stream whose output has a reader. True while unread output is still kept. */
bool settle_streams(struct monitor *monitor);

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
void forget_oom(struct monitor *monitor);

/* device-filter.c */
int attach_device_filter(struct monitor *monitor);

/* cgroup-removal.c: kills what is left in the cgroups that were made, and removes them. */
void remove_cgroups(struct monitor *monitor);
/* For a monitor that died while it made them: what it had not made yet may be somebody else's. */
void remove_empty_cgroups(const struct monitor *monitor);

/* driver.c: started before there is a container, ordered when there is one */
int start_driver(struct monitor *monitor, const char *program, const char *init_program);
int order_driver(struct monitor *monitor);

/* container.c: the events of the main loop */
void on_gate(struct monitor *monitor);
void on_start_report(struct monitor *monitor);
void on_driver(struct monitor *monitor);
void on_child(struct monitor *monitor);
void command_start(struct monitor *monitor);
void command_abort(struct monitor *monitor);
/* A container that could not be started: what there is of it ends. */
void give_up(struct monitor *monitor);
int command_signal(struct monitor *monitor, int number);

/* status-file.c */
void write_status(const struct monitor *monitor);
/* Takes over what the status file of an earlier monitor says, but for the end. 0, or -1 if there is none. */
int read_status(struct monitor *monitor);
bool status_exists(void);

/* control.c */
int open_control(struct monitor *monitor);
void adopt_connection(struct monitor *monitor, int fd);
void accept_connection(struct monitor *monitor);
void read_connection(struct monitor *monitor, struct connection *connection);
void tell(struct monitor *monitor, const char *format, ...) __attribute__((format(printf, 2, 3)));
void warn(struct monitor *monitor, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* failure.c: records the first failure (errno and text) and returns -1. */
int monitor_fail(struct monitor *monitor, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
