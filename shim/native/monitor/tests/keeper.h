/* A run directory's keeper, as far as monitors know it: a socket that takes "wake". */
#ifndef LXCRI_TESTS_KEEPER_H
#define LXCRI_TESTS_KEEPER_H

#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "testing/check.h"

static inline void sleep_ms(int milliseconds)
{
	struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};

	CHECK(nanosleep(&time, NULL) == 0);
}

/* A container's state directory below the working directory, which is the run directory. */
static inline void enter_state_directory(void)
{
	CHECK(mkdir("containers", 0700) == 0 && mkdir("containers/default", 0700) == 0);
	CHECK(mkdir("containers/default/hello", 0700) == 0 && chdir("containers/default/hello") == 0);
}

static inline int listen_as_keeper_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, path);
	CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 1) == 0);
	return fd;
}

static inline int listen_as_keeper(void)
{
	return listen_as_keeper_at("keeper.sock");
}

/* Whether somebody wakes it within that time; takes one request, which has to be whole. */
static inline bool is_woken(int keeper, int patience_ms)
{
	struct pollfd wait = {.fd = keeper, .events = POLLIN};
	char text[16] = "";
	size_t length = 0;
	ssize_t size;
	int fd;

	if (poll(&wait, 1, patience_ms) <= 0)
		return false;
	fd = accept4(keeper, NULL, NULL, SOCK_CLOEXEC);
	CHECK(fd >= 0);
	while ((size = recv(fd, text + length, sizeof(text) - 1 - length, 0)) > 0)
		length += (size_t)size;
	CHECK(size == 0);
	CHECK_TEXT(text, "wake\n");
	close(fd);
	return true;
}

#endif
