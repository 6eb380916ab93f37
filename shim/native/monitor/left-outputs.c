#include "left-outputs.h"

#include <poll.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "elapsed.h"

#define LEFT_MAX 64
/* As with runc's shim (containerd, pkg/process/io.go). */
#define GRACE_MS 2000

static struct left_output {
	int writer;
	struct timespec since;
} outputs[LEFT_MAX];
static size_t count;

/* The order is that of their times. */
static void drop(size_t index)
{
	close(outputs[index].writer);
	count--;
	for (size_t i = index; i < count; i++)
		outputs[i] = outputs[i + 1];
}

bool is_grace_over(const struct timespec *released_at)
{
	return milliseconds_since(released_at) > GRACE_MS;
}

void leave_output(int writer)
{
	if (count == LEFT_MAX)
		drop(0);
	outputs[count].writer = writer;
	clock_gettime(CLOCK_MONOTONIC, &outputs[count].since);
	count++;
}

bool has_reader(int writer)
{
	struct pollfd poll_fd = {.fd = writer};

	return poll(&poll_fd, 1, 0) == 0 || !(poll_fd.revents & POLLERR);
}

static bool can_be_opened(int writer)
{
	struct stat st;

	return fstat(writer, &st) == 0 && st.st_nlink > 0;
}

static bool is_waiting(const struct left_output *output)
{
	return !is_grace_over(&output->since) && can_be_opened(output->writer) && !has_reader(output->writer);
}

bool tend_left_outputs(void)
{
	for (size_t i = count; i-- > 0;)
		if (!is_waiting(&outputs[i]))
			drop(i);
	return count > 0;
}
