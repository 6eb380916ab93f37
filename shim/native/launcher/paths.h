#ifndef LXCRI_PATHS_H
#define LXCRI_PATHS_H

#include "failure.h"

#include <limits.h>

#define DEFAULT_RUN_DIR "/run/proxmox-lxcri"

/** The longest socket path: sun_path holds 108 with the NUL, and containerd itself refuses more than 106. */
#define SOCKET_PATH_MAX 106

/**
 * Every path that the launcher uses. The files of a daemon carry the build in their name: a new version never meets
 * the daemon of an old one, whose containers go on with it.
 */
struct paths {
	char run_dir[PATH_MAX];
	char daemon_dir[PATH_MAX];
	char socket[PATH_MAX];         // containerd connects here
	char socket_new[PATH_MAX];     // where it is bound; renamed to the above once a daemon owns it
	char leaving[PATH_MAX];        // exists while a daemon makes up its mind to end
	char lock[PATH_MAX];           // locked as long as a daemon, or a launcher that starts one, lives
	char log[PATH_MAX];            // what the daemon writes to its stderr
	char log_old[PATH_MAX];        // the log before that
	char containers_dir[PATH_MAX]; // one directory <namespace>/<id> per container the daemon knows
	char lib_dir[PATH_MAX];        // shim.cjs and the other native programs
};

/**
 * Fills in all paths but lib_dir. `run_dir` is the value of LXCRI_RUN_DIR, or NULL or "" for the default; it must be
 * absolute, because the daemon's working directory is another one.
 */
int paths_init(struct paths *paths, const char *run_dir, const char *build, struct failure *failure);

/** The socket of one namespace: <BUILD>.<namespace>.sock beside the daemon's own. */
int paths_namespace_socket(
	char path[PATH_MAX], const struct paths *paths, const char *namespace_name, struct failure *failure);

/** lib_dir from the path of the running program: <prefix>/bin/program -> <prefix>/lib/proxmox-lxcri. */
int paths_set_lib_dir(struct paths *paths, const char *program, struct failure *failure);

/** The same from /proc/self/exe, which also resolves the runtime names that are links to this program. */
int paths_find_lib_dir(struct paths *paths, struct failure *failure);

#endif
