#ifndef LXCRI_PATHS_H
#define LXCRI_PATHS_H

#include "failure.h"

#include <limits.h>

#define DEFAULT_RUN_DIR "/run/proxmox-lxcri"

/** The longest socket path: sun_path holds 108 with the NUL, and containerd itself refuses more than 106. */
#define SOCKET_PATH_MAX 106

/** Every path that launcher and keeper use. There is one keeper for each run directory. */
struct paths {
	char run_dir[PATH_MAX];
	char daemon_dir[PATH_MAX];
	char sockets_dir[PATH_MAX];    // containerd connects in here: one socket for each namespace
	char keeper_socket[PATH_MAX];  // launchers and monitors connect here
	char keeper_lock[PATH_MAX];    // locked as long as a keeper, or a launcher that starts one, lives
	char keeper_log[PATH_MAX];     // what the keeper has to say
	char keeper_log_old[PATH_MAX]; // the same before that
	char log[PATH_MAX];            // what the daemons write to their stderr
	char log_old[PATH_MAX];        // the log before that
	char containers_dir[PATH_MAX]; // one directory <namespace>/<id> per container the daemon knows
	char lib_dir[PATH_MAX];        // shim.cjs and the other native programs
};

/**
 * Fills in all paths but lib_dir. `run_dir` is the value of LXCRI_RUN_DIR, or NULL or "" for the default; it must be
 * absolute, because the keeper's working directory is another one.
 */
int paths_init(struct paths *paths, const char *run_dir, struct failure *failure);

/** The socket of one namespace. */
int paths_namespace_socket(
	char path[PATH_MAX], const struct paths *paths, const char *namespace_name, struct failure *failure);

/** The socket that daemon number `number` of this keeper listens on. */
int paths_relay_socket(char path[PATH_MAX], const struct paths *paths, unsigned number);

/** lib_dir from the path of the running program: <prefix>/bin/program -> <prefix>/lib/proxmox-lxcri. */
int paths_set_lib_dir(struct paths *paths, const char *program, struct failure *failure);

/** The same from /proc/self/exe, which also resolves the runtime names that are links to this program. */
int paths_find_lib_dir(struct paths *paths, struct failure *failure);

#endif
