#include "unix-socket.h"

#include "file-io.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int make_socket(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (format_path(address->sun_path, sizeof address->sun_path, "%s", path) != 0)
		return -1;
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static int give_up(int fd)
{
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

int unix_connect(const char *path)
{
	struct sockaddr_un address;
	int fd = make_socket(&address, path);
	if (fd < 0)
		return -1;
	int result;
	do {
		result = connect(fd, (const struct sockaddr *)&address, sizeof address);
	} while (result != 0 && errno == EINTR);
	return result == 0 ? fd : give_up(fd);
}

int unix_listen(const char *path)
{
	struct sockaddr_un address;
	int fd = make_socket(&address, path);
	if (fd < 0)
		return -1;
	// The mode comes from the umask at bind, so that there is no moment in which others could connect.
	mode_t old_umask = umask(0177);
	int bound = bind(fd, (const struct sockaddr *)&address, sizeof address);
	int error = errno;
	umask(old_umask);
	errno = error;
	return bound == 0 && listen(fd, SOMAXCONN) == 0 ? fd : give_up(fd);
}
