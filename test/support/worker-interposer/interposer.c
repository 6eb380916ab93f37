/*
 * Stands between layerfs-snapshotter and its layerfs-worker (by LAYERFS_WORKER), and stops them at one request: so a test
 * decides at which step of which change a process dies. The frames are those of snapshotter/native/worker/words.h.
 *
 * The file $INTERPOSER_CONTROL says "GENERATION MODE N": what to do at the N-th request (from 1) since the generation
 * changed. It is read at each request; without it, all goes through. Each request gets a line in $INTERPOSER_LOG, and
 * each that is stopped another one, which begins with "stopped".
 *
 *   pass           nothing
 *   before         keeps the request from the worker
 *   after          keeps the answer from the daemon
 *   during         keeps the request until the daemon is dead: as if it died just after it sent it
 *   release        lets go on what was kept
 *   worker-before  kills the worker, and this program, without the request
 *   worker-during  kills the worker just after it got the request
 *   worker-after   kills the worker once it has answered, and keeps the answer
 *
 * When the daemon dies, what was kept "before" or "after" is dropped, and the worker ends as it does without us.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEPT_MAX 256
#define POLL_MS 10

struct frame {
	char *bytes; /* with the length in front, and a NUL behind */
	size_t size;
};

static struct kept {
	struct frame frame;
	char mode[16];
	bool is_answer;
} kept[KEPT_MAX];
static size_t kept_count;

/* Requests whose answers are to be kept, or are the worker's last. */
static struct awaited {
	char number[32];
	char mode[16];
} awaited[KEPT_MAX];
static size_t awaited_count;

static pid_t worker;
static int to_worker, from_worker;

static char generation[32], mode[16] = "pass";
static unsigned stop_at, requests;

static void fail(const char *what)
{
	fprintf(stderr, "interposer: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static bool read_fully(int fd, char *buffer, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t count = read(fd, buffer + done, size - done);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return false;
		done += (size_t)count;
	}
	return true;
}

static bool read_frame(int fd, struct frame *frame)
{
	unsigned char head[4];
	if (!read_fully(fd, (char *)head, sizeof(head)))
		return false;
	size_t length = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
	frame->size = length + sizeof(head);
	frame->bytes = calloc(1, frame->size + 1);
	if (!frame->bytes)
		fail("no memory");
	memcpy(frame->bytes, head, sizeof(head));
	return read_fully(fd, frame->bytes + sizeof(head), length);
}

static void write_frame(int fd, struct frame frame)
{
	for (size_t done = 0; done < frame.size;) {
		ssize_t count = write(fd, frame.bytes + done, frame.size - done);
		if (count < 0 && errno != EINTR)
			return; /* who does not read any more is dead */
		done += count < 0 ? 0 : (size_t)count;
	}
}

static const char *word(struct frame frame, size_t index)
{
	const char *at = frame.bytes + 4, *end = frame.bytes + frame.size;
	while (index-- > 0 && at < end)
		at += strlen(at) + 1;
	return at < end ? at : "";
}

static void note(const char *what, struct frame frame)
{
	const char *path = getenv("INTERPOSER_LOG");
	FILE *log = path ? fopen(path, "ae") : NULL;
	if (!log)
		return;
	bool program = strcmp(word(frame, 1), "program") == 0;
	/* After a program's text its arguments: those say what it does. */
	fprintf(log, "%s %s %u %s", what, generation, requests, word(frame, 1));
	for (size_t i = program ? 5 : 2; i < (program ? 10u : 4u); i++)
		fprintf(log, " %.60s", word(frame, i));
	fputc('\n', log);
	fclose(log);
}

/* Returns true if there is a new generation. */
static bool read_control(void)
{
	const char *path = getenv("INTERPOSER_CONTROL");
	FILE *control = path ? fopen(path, "re") : NULL;
	if (!control)
		return false;
	char new_generation[32], new_mode[16];
	unsigned n;
	int found = fscanf(control, "%31s %15s %u", new_generation, new_mode, &n);
	fclose(control);
	if (found != 3 || strcmp(new_generation, generation) == 0)
		return false;
	strcpy(generation, new_generation);
	strcpy(mode, new_mode);
	stop_at = n;
	requests = 0;
	return true;
}

static void release_all(void)
{
	for (size_t i = 0; i < kept_count; i++)
		write_frame(kept[i].is_answer ? STDOUT_FILENO : to_worker, kept[i].frame);
	kept_count = 0;
}

/* With the worker's lock free, since the next one comes at once. */
static void die_with_worker(void)
{
	/* It has passed on the mode: the worker that comes next is not to die of it too. */
	unlink(getenv("INTERPOSER_CONTROL"));
	kill(worker, SIGKILL);
	waitpid(worker, NULL, 0);
	raise(SIGKILL);
}

static void keep(struct frame frame, const char *how, bool is_answer)
{
	struct kept *place = &kept[kept_count++ % KEPT_MAX];
	place->frame = frame;
	place->is_answer = is_answer;
	strcpy(place->mode, how);
	note("stopped", frame);
}

static void on_request(struct frame frame)
{
	read_control();
	requests++;
	note("request", frame);
	bool here = requests == stop_at;
	if (!here || strcmp(mode, "pass") == 0 || strcmp(mode, "release") == 0) {
		write_frame(to_worker, frame);
		return;
	}
	if (strcmp(mode, "before") == 0 || strcmp(mode, "during") == 0) {
		keep(frame, mode, false);
		return;
	}
	if (strcmp(mode, "worker-before") == 0)
		die_with_worker();
	write_frame(to_worker, frame);
	if (strcmp(mode, "worker-during") == 0)
		die_with_worker();
	struct awaited *place = &awaited[awaited_count++ % KEPT_MAX];
	snprintf(place->number, sizeof(place->number), "%s", word(frame, 0));
	strcpy(place->mode, mode);
}

static void on_answer(struct frame frame)
{
	for (size_t i = 0; i < awaited_count; i++) {
		if (strcmp(awaited[i].number, word(frame, 0)) != 0)
			continue;
		if (strcmp(awaited[i].mode, "worker-after") == 0)
			die_with_worker();
		keep(frame, awaited[i].mode, true);
		return;
	}
	write_frame(STDOUT_FILENO, frame);
}

static void start_worker(char *lock)
{
	int in[2], out[2];
	if (pipe(in) < 0 || pipe(out) < 0)
		fail("pipe");
	worker = fork();
	if (worker < 0)
		fail("fork");
	if (worker == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[0]), close(in[1]), close(out[0]), close(out[1]);
		const char *program = getenv("INTERPOSER_WORKER");
		execl(program, "layerfs-worker", lock, NULL);
		fail(program);
	}
	close(in[0]), close(out[1]);
	to_worker = in[1];
	from_worker = out[0];
}

int main(int argc, char **argv)
{
	if (argc != 2 || !getenv("INTERPOSER_WORKER"))
		return EXIT_FAILURE;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	/* What was said to those before us is not for us. */
	read_control();
	if (strncmp(generation, "start", 5) != 0)
		strcpy(mode, "pass");
	start_worker(argv[1]);
	struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {from_worker, POLLIN, 0}};
	struct frame frame;
	for (;;) {
		poll(fds, 2, kept_count > 0 ? POLL_MS : -1);
		if (kept_count > 0 && read_control() && strcmp(mode, "release") == 0)
			release_all();
		if (fds[1].revents) {
			if (!read_frame(from_worker, &frame))
				break;
			on_answer(frame);
		}
		if (!fds[0].revents)
			continue;
		if (read_frame(STDIN_FILENO, &frame)) {
			on_request(frame);
			continue;
		}
		for (size_t i = 0; i < kept_count; i++)
			if (strcmp(kept[i].mode, "during") == 0)
				write_frame(to_worker, kept[i].frame);
		kept_count = 0;
		close(to_worker);
		fds[0].fd = -1;
	}
	int status;
	waitpid(worker, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
