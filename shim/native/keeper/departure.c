#include "departure.h"

#include "cgroup-join.h"
#include "daemon-log.h"
#include "host/deadline.h"
#include "host/file-io.h"
#include "host/run-dir.h"
#include "keeper.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

int departure_wait_ms(const struct keeper *keeper)
{
	const struct control *control = &keeper->control;
	if (!daemon_life_is_over(keeper) || keeper->clients.first)
		return -1;
	if (control->in_vain)
		return 0;
	if (control->first)
		return -1;
	return deadline_left_ms(control->linger_end);
}

void departure_clean_up(struct keeper *keeper, char *cgroups)
{
	own_files_close(keeper);
	control_close_socket(keeper);
	clients_close_sockets(keeper);
	clients_close(keeper);
	publisher_close(keeper);
	daemon_log_remove_if_empty(&keeper->paths);
	cgroup_leave_own(cgroups);
	cgroup_remove_monitors(keeper);
	// All but the run directory while the lock is held: who gets it next makes them anew.
	run_dir_remove_own(&keeper->paths);
	// Who gets the lock of a file without a name looks again.
	unlink(keeper->paths.keeper_lock);
	run_dir_remove(&keeper->paths);
	control_close(keeper);
}

static void remove_files(const char *directory, const char *prefix)
{
	DIR *stream = opendir(directory);
	if (!stream)
		return;
	for (struct dirent *entry = readdir(stream); entry; entry = readdir(stream)) {
		char path[PATH_MAX];
		if (entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
			format_path(path, sizeof path, "%s/%s", directory, entry->d_name) == 0)
			unlink(path);
	}
	closedir(stream);
}

void departure_clean_up_after_another(const struct keeper *keeper)
{
	remove_files(keeper->paths.sockets_dir, "");
	remove_files(keeper->paths.daemon_dir, "relay.");
}
