#include "daemon-socket.h"

#include "file-io.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int remove_file(const char *path, struct failure *failure)
{
	if (unlink(path) != 0 && errno != ENOENT)
		return fail_errno(failure, "cannot remove the old %s", path);
	return 0;
}

/** Sockets of namespaces among them, whole or half made: which they are, only their daemon knew. */
static int remove_files_of_build(DIR *directory, const struct paths *paths, struct failure *failure)
{
	const char *own = strrchr(paths->lock, '/') + 1;
	size_t prefix = strlen(own) - strlen("lock");
	for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
		char path[PATH_MAX];
		if (strncmp(entry->d_name, own, prefix) != 0 || strcmp(entry->d_name, own) == 0)
			continue;
		if (format_path(path, sizeof path, "%s/%s", paths->daemon_dir, entry->d_name) != 0)
			return fail_errno(failure, "cannot remove the old %s", entry->d_name);
		if (remove_file(path, failure) != 0)
			return -1;
	}
	return 0;
}

int daemon_socket_remove_stale(const struct paths *paths, struct failure *failure)
{
	DIR *directory = opendir(paths->daemon_dir);
	if (!directory)
		return fail_errno(failure, "cannot read the directory %s", paths->daemon_dir);
	int result = remove_files_of_build(directory, paths, failure);
	closedir(directory);
	return result;
}

static int make_address(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	return format_path(address->sun_path, sizeof address->sun_path, "%s", path);
}

bool daemon_socket_is_live(const char *path)
{
	struct sockaddr_un address;
	if (make_address(&address, path) != 0)
		return false;
	// connect(2) promises EPROTOTYPE for a datagram socket that meets a stream socket. It is found out before any
	// connection, so the listener is not woken; where nobody holds the socket, the answer is ECONNREFUSED.
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	int result = connect(fd, (const struct sockaddr *)&address, sizeof address);
	int error = errno;
	close(fd);
	return result != 0 && error == EPROTOTYPE;
}

int daemon_socket_listen(const struct paths *paths, struct failure *failure)
{
	struct sockaddr_un address;
	if (make_address(&address, paths->socket_new) != 0)
		return fail_errno(failure, "cannot make a socket address of %.300s", paths->socket_new);

	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_errno(failure, "cannot make a Unix socket");
	// The mode comes from the umask at bind, so that there is no moment in which others could connect.
	mode_t old_umask = umask(0177);
	int bound = bind(fd, (const struct sockaddr *)&address, sizeof address);
	umask(old_umask);
	if (bound != 0 || listen(fd, SOMAXCONN) != 0) {
		fail_errno(failure, "cannot listen on %s", paths->socket_new);
		close(fd);
		return -1;
	}
	return fd;
}

int daemon_socket_publish(const struct paths *paths, struct failure *failure)
{
	if (rename(paths->socket_new, paths->socket) == 0)
		return 0;
	// The daemon does the same at its start, for the case that its launcher was killed: it may have been first.
	if (errno == ENOENT && access(paths->socket, F_OK) == 0)
		return 0;
	return fail_errno(failure, "cannot move the socket to %s", paths->socket);
}
