/*
 * The file `status`: the truth about a process (the container's first one, or an exec), for any daemon that comes.
 * Lines of words:
 *
 *   phase creating|created|running|stopped
 *   started 0|1               (the payload was executed)
 *   pid PID START-TIME        (field 22 of /proc/PID/stat: the pair is unique until the next boot)
 *   exit STATUS SECONDS NANOSECONDS
 *   oom COUNT                 (how often the kernel killed for want of memory, if it did; of the first process, at its
 *                              end)
 *
 * It is replaced by rename and not synced: it need not outlive a boot, as the container does not.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "process.h"

static const char *const phase_names[] = {"creating", "created", "running", "stopped"};

static int write_whole(const char *name, int flags, const char *text, size_t size)
{
	int fd = open(name, O_WRONLY | O_CLOEXEC | flags, 0600);
	bool written;

	if (fd < 0)
		return -1;
	written = write(fd, text, size) == (ssize_t)size && ftruncate(fd, (off_t)size) == 0;
	close(fd);
	return written ? 0 : -1;
}

static int save(const char *prefix, const char *text, size_t size)
{
	char path[PATH_MAX], new_path[PATH_MAX];
	int error;

	snprintf(path, sizeof(path), "%sstatus", prefix);
	snprintf(new_path, sizeof(new_path), "%sstatus.new", prefix);
	if (write_whole(new_path, O_CREAT | O_TRUNC, text, size) == 0)
		return rename(new_path, path);
	/* A full disk has no room for a second file, but what the first one occupies is ours. */
	error = errno;
	unlink(new_path);
	if (write_whole(path, 0, text, size) == 0)
		return 0;
	errno = error;
	return -1;
}

void write_status(const struct process *process)
{
	char text[256];
	int size = snprintf(
		text, sizeof(text), "phase %s\nstarted %d\npid %d %llu\n", phase_names[process->phase], process->started,
		(int)process->pid, (unsigned long long)process->start_time);

	if (process->phase == PHASE_STOPPED)
		size += snprintf(
			text + size, sizeof(text) - (size_t)size, "exit %d %lld %ld\n", process->exit_status,
			(long long)process->exited_at.tv_sec, process->exited_at.tv_nsec);
	if (process->oom_count)
		size +=
			snprintf(text + size, sizeof(text) - (size_t)size, "oom %llu\n", (unsigned long long)process->oom_count);
	/* A full disk must not end the container; the daemon still hears of it, and the next write may succeed. */
	if (save(process->prefix, text, (size_t)size) < 0)
		dprintf(STDERR_FILENO, "lxcri-monitor: WARN cannot write the status file: %s\n", strerror(errno));
}

bool status_exists(void)
{
	return access("status", F_OK) == 0;
}

static int parse_phase(const char *word, enum phase *phase)
{
	for (int i = PHASE_CREATING; i <= PHASE_STOPPED; i++) {
		if (strcmp(word, phase_names[i]) == 0) {
			*phase = (enum phase)i;
			return 0;
		}
	}
	return -1;
}

int read_status(struct process *process)
{
	char text[256], word[16];
	int fd = open("status", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	int started, pid;
	unsigned long long start_time;
	enum phase phase;

	if (fd >= 0)
		close(fd);
	if (size < 0)
		return -1;
	text[size] = '\0';
	if (sscanf(text, "phase %15s\nstarted %d\npid %d %llu\n", word, &started, &pid, &start_time) != 4)
		return -1;
	if (parse_phase(word, &phase) < 0)
		return -1;
	process->phase = phase;
	process->started = started;
	process->pid = pid;
	process->start_time = start_time;
	return 0;
}
