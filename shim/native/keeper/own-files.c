#include "own-files.h"

#include "host/file-io.h"
#include "host/keeper-start.h"
#include "keeper-log.h"
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>

static void make_socket_again(struct keeper *keeper)
{
	struct failure failure;
	if (control_listen_again(keeper, &failure) == 0)
		keeper_log(keeper, "somebody has removed %s; it is there again", keeper->paths.keeper_socket);
	else
		keeper_log(keeper, "somebody has removed %s: %s", keeper->paths.keeper_socket, failure.text);
}

/** A launcher that comes first makes another keeper, as it would after this one's death. */
static void make_lock_again(struct keeper *keeper)
{
	const char *path = keeper->paths.keeper_lock;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && dup3(fd, KEEPER_LOCK_FD, O_CLOEXEC) >= 0)
		keeper_log(keeper, "somebody has removed %s; it is there again", path);
	else
		keeper_log(keeper, "somebody has removed %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void on_removal(struct watch *watch, uint32_t events)
{
	struct keeper *keeper = watch->owner;
	char buffer[4096];
	(void)events;
	while (read(watch->fd, buffer, sizeof buffer) > 0)
		continue;
	if (keeper->life.ending)
		return;
	if (!file_exists(keeper->paths.keeper_lock))
		make_lock_again(keeper);
	if (!file_exists(keeper->paths.keeper_socket))
		make_socket_again(keeper);
}

void own_files_watch(struct keeper *keeper)
{
	struct own_files *files = &keeper->own_files;
	files->removals = (struct watch){.fd = -1, .ready = on_removal, .owner = keeper};
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd >= 0 && inotify_add_watch(fd, keeper->paths.run_dir, IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR) < 0) {
		close(fd);
		fd = -1;
	}
	if (fd < 0 || watch_open(&keeper->loop, &files->removals, fd, EPOLLIN) != 0)
		keeper_log(keeper, "cannot look after the files in %s: %s", keeper->paths.run_dir, strerror(errno));
}

void own_files_close(struct keeper *keeper)
{
	watch_close(&keeper->own_files.removals);
}
