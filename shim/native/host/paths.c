#include "paths.h"

#include "file-io.h"

#include <string.h>
#include <unistd.h>

#define LIB_DIR_NAME "lib/proxmox-lxcri"

static int join(char *target, const char *directory, const char *name, const char *suffix, struct failure *failure)
{
	if (format_path(target, PATH_MAX, "%s/%s%s", directory, name, suffix) != 0)
		return fail(
			failure, "the run directory \"%.200s...\" is too long (set LXCRI_RUN_DIR to a short one)", directory);
	return 0;
}

static int set_run_dir(struct paths *paths, const char *run_dir, struct failure *failure)
{
	if (!run_dir || !*run_dir)
		run_dir = DEFAULT_RUN_DIR;
	if (*run_dir != '/')
		return fail(failure, "LXCRI_RUN_DIR must be an absolute path, not \"%.200s\"", run_dir);
	size_t length = strlen(run_dir);
	while (length > 1 && run_dir[length - 1] == '/')
		length--;
	if (length >= sizeof paths->run_dir)
		return fail(failure, "LXCRI_RUN_DIR \"%.200s...\" is too long", run_dir);
	memcpy(paths->run_dir, run_dir, length);
	paths->run_dir[length] = '\0';
	return 0;
}

static int check_socket_path(const char *path, const char *advice, struct failure *failure)
{
	if (strlen(path) <= SOCKET_PATH_MAX)
		return 0;
	return fail(
		failure, "the socket path %.300s has %zu characters, and a Unix socket's path may have %d: %s", path,
		strlen(path), SOCKET_PATH_MAX, advice);
}

int paths_init(struct paths *paths, const char *run_dir, struct failure *failure)
{
	char longest[PATH_MAX];
	if (set_run_dir(paths, run_dir, failure) != 0)
		return -1;
	const char *own_dir = paths->run_dir;
	if (join(paths->daemon_dir, own_dir, "daemon", "", failure) != 0 ||
		join(paths->sockets_dir, own_dir, "sockets", "", failure) != 0 ||
		join(paths->containers_dir, own_dir, "containers", "", failure) != 0 ||
		join(paths->keeper_socket, own_dir, "keeper", ".sock", failure) != 0 ||
		join(paths->keeper_lock, own_dir, "keeper", ".lock", failure) != 0 ||
		join(paths->keeper_log, paths->daemon_dir, "keeper.log", "", failure) != 0 ||
		join(paths->keeper_log_old, paths->daemon_dir, "keeper.log", ".1", failure) != 0 ||
		join(paths->log, paths->daemon_dir, "shim.log", "", failure) != 0 ||
		join(paths->log_old, paths->daemon_dir, "shim.log", ".1", failure) != 0 ||
		join(longest, paths->daemon_dir, "relay.4294967295", "", failure) != 0)
		return -1;
	return check_socket_path(longest, "set LXCRI_RUN_DIR to a shorter directory", failure);
}

int paths_namespace_socket(
	char path[PATH_MAX], const struct paths *paths, const char *namespace_name, struct failure *failure)
{
	if (join(path, paths->sockets_dir, namespace_name, "", failure) != 0)
		return -1;
	return check_socket_path(path, "use a shorter namespace, or set LXCRI_RUN_DIR to a shorter directory", failure);
}

int paths_relay_socket(char path[PATH_MAX], const struct paths *paths, unsigned number)
{
	return format_path(path, PATH_MAX, "%s/relay.%u", paths->daemon_dir, number);
}

/** Cuts the last component off an absolute path; "/" stays. */
static void to_parent(char *path)
{
	char *slash = strrchr(path, '/');
	if (slash == path)
		slash++;
	if (slash)
		*slash = '\0';
}

int paths_set_lib_dir(struct paths *paths, const char *program, struct failure *failure)
{
	char prefix[PATH_MAX];
	if (format_path(prefix, sizeof prefix, "%s", program) != 0)
		return fail(failure, "the path of this program is too long: %.200s...", program);
	to_parent(prefix);
	to_parent(prefix);
	const char *separator = strcmp(prefix, "/") == 0 ? "" : "/";
	if (format_path(paths->lib_dir, sizeof paths->lib_dir, "%s%s%s", prefix, separator, LIB_DIR_NAME) != 0)
		return fail(failure, "the path of this program is too long: %.200s...", program);
	return 0;
}

int paths_find_lib_dir(struct paths *paths, struct failure *failure)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
	if (length < 0)
		return fail_errno(failure, "cannot find this program's own path in /proc/self/exe (is /proc mounted?)");
	program[length] = '\0';
	return paths_set_lib_dir(paths, program, failure);
}
