/*
 * layerfs-worker LOCK-FILE: does what the daemon asks on its standard input, each request in a thread of its own, since
 * what OpenZFS is asked at once it does in one transaction. Ends with its input, when all that was asked is done; until
 * then it holds the lock, so that the next daemon does not look at what still changes.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "worker.h"

/* What a dead daemon asked for is done by then. */
#define LOCK_TIMEOUT_S 30
#define STACK_SIZE (256 * 1024)

static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t count_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_done = PTHREAD_COND_INITIALIZER;
static size_t under_way;

static int take_lock(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		fprintf(stderr, "layerfs-worker: %s: %s\n", path, strerror(errno));
		return -1;
	}
	for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
		if (errno != EWOULDBLOCK) {
			fprintf(stderr, "layerfs-worker: %s cannot be locked: %s\n", path, strerror(errno));
			return -1;
		}
		if (tries == LOCK_TIMEOUT_S * 100) {
			fprintf(
				stderr,
				"%s is locked: another layerfs-snapshotter uses this directory: stop that one, or choose "
				"another --root\n",
				path);
			return -1;
		}
		nanosleep(&(struct timespec){0, 10 * 1000 * 1000}, NULL);
	}
	return 0;
}

static void *serve(void *argument)
{
	struct words *request = argument;
	struct answer answer = perform(request);
	/* A daemon that is gone does not read; what it asked for is done all the same. */
	pthread_mutex_lock(&output);
	(void)answer_write(STDOUT_FILENO, request->at[0], answer.error, answer.text ? answer.text : "");
	pthread_mutex_unlock(&output);
	free(answer.text);
	free(request->buffer);
	free(request);
	pthread_mutex_lock(&count_lock);
	if (--under_way == 0)
		pthread_cond_signal(&all_done);
	pthread_mutex_unlock(&count_lock);
	return NULL;
}

static void start(struct words *request, const pthread_attr_t *attributes)
{
	pthread_mutex_lock(&count_lock);
	under_way++;
	pthread_mutex_unlock(&count_lock);
	pthread_t thread;
	if (pthread_create(&thread, attributes, serve, request) != 0)
		serve(request);
}

static int serve_all(void)
{
	pthread_attr_t attributes;
	if (pthread_attr_init(&attributes) != 0 || pthread_attr_setstacksize(&attributes, STACK_SIZE) != 0 ||
		pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED) != 0)
		return EXIT_FAILURE;
	for (;;) {
		struct words *request = malloc(sizeof(*request));
		int got = request ? words_read(STDIN_FILENO, request) : -1;
		if (got == 1) {
			start(request, &attributes);
			continue;
		}
		if (got < 0)
			fprintf(stderr, "layerfs-worker: reading a request: %s\n", strerror(errno));
		free(request);
		return got == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	}
}

static void wait_for_all(void)
{
	pthread_mutex_lock(&count_lock);
	while (under_way > 0)
		pthread_cond_wait(&all_done, &count_lock);
	pthread_mutex_unlock(&count_lock);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "Usage: layerfs-worker LOCK-FILE\nStarted by layerfs-snapshotter, never by hand.\n");
		return EXIT_FAILURE;
	}
	/* Ctrl-C reaches the whole group; the daemon ends this program by closing its input. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (take_lock(argv[1]) < 0)
		return EXIT_FAILURE;
	int status = serve_all();
	wait_for_all();
	return status;
}
