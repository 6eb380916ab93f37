#ifndef LXCRI_UNIX_SOCKET_H
#define LXCRI_UNIX_SOCKET_H

/**
 * Connects a new stream socket to a path; it is non-blocking and closed by exec. The descriptor, or -1 with errno:
 * EAGAIN means that the listener's queue is full, for which nothing can be polled; try again a little later.
 */
int unix_connect(const char *path);

/** Binds a new non-blocking stream socket to a path, mode 0600, and listens. The descriptor, or -1 with errno. */
int unix_listen(const char *path);

#endif
