/*
 * The file `status`: the truth about a process (the container's first one, or an exec), for any daemon that comes.
 * Lines of words:
 *
 *   phase creating|created|running|stopped
 *   started 0|1               (the payload was executed)
 *   pid PID START-TIME        (field 22 of /proc/PID/stat: the pair is unique until the next boot)
 *   exit STATUS SECONDS NANOSECONDS   (of one that was never created: of what there was of it)
 *   oom COUNT                 (how often the kernel killed for want of memory, if it did; of the first process, at its
 *                              end)
 *   asked CALL                (whose call asked for its start)
 *   start-failed ERRNO TEXT   (why the payload could not be executed)
 *   done CALL ERRNO           (calls that were carried out; only with the end of the container's first process)
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

#define MAX_STATUS (1024 + GATE_TEXT + CALLS_REMEMBERED * (CALL_MAX_ID + 32))

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

/* Texts are one line each. */
static void print_line(FILE *file, const char *text)
{
	for (; *text; text++)
		fputc(*text == '\n' ? ' ' : *text, file);
	fputc('\n', file);
}

static void print_calls(FILE *file, const struct process *process)
{
	if (process->asked[0])
		fprintf(file, "asked %s\n", process->asked);
	if (process->start_failed) {
		fprintf(file, "start-failed %d ", process->failure.error);
		print_line(file, process->failure.text);
	}
	for (size_t i = 0; i < CALLS_REMEMBERED && process->calls && process->phase == PHASE_STOPPED; i++)
		if (process->calls->calls[i].id[0])
			fprintf(file, "done %s %d\n", process->calls->calls[i].id, process->calls->calls[i].error);
}

void write_status(const struct process *process)
{
	static char text[MAX_STATUS];
	FILE *file;
	int size = snprintf(
		text, sizeof(text), "phase %s\nstarted %d\npid %d %llu\n", phase_names[process->phase], process->started,
		(int)process->pid, (unsigned long long)process->start_time);

	if (process->phase == PHASE_STOPPED || process->exited_at.tv_sec > 0)
		size += snprintf(
			text + size, sizeof(text) - (size_t)size, "exit %d %lld %ld\n", process->exit_status,
			(long long)process->exited_at.tv_sec, process->exited_at.tv_nsec);
	if (process->oom_count)
		size +=
			snprintf(text + size, sizeof(text) - (size_t)size, "oom %llu\n", (unsigned long long)process->oom_count);
	file = fmemopen(text + size, sizeof(text) - (size_t)size, "w");
	if (file) {
		long more;

		print_calls(file, process);
		fflush(file);
		more = ftell(file);
		fclose(file);
		size += more > 0 ? (int)more : 0;
	}
	/* A full disk must not end the container; the daemon still hears of it, and the next write may succeed. */
	if (save(process->prefix, text, (size_t)size) < 0)
		dprintf(STDERR_FILENO, "lxcri-monitor: WARN cannot write the status file: %s\n", strerror(errno));
}

void write_failure(const struct gate_failure *failure)
{
	char text[GATE_TEXT + 16];
	int size = snprintf(text, sizeof(text), "%d %s\n", failure->error, failure->text);

	if (write_whole("failure.new", O_CREAT | O_TRUNC, text, (size_t)size) < 0 || rename("failure.new", "failure") < 0)
		dprintf(STDERR_FILENO, "lxcri-monitor: WARN cannot write the file failure: %s\n", strerror(errno));
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

/* What daemons are to know of its start outlives its monitor. */
static void read_asked(const char *text, struct process *process)
{
	const char *asked = strstr(text, "\nasked ");

	if (asked && sscanf(asked, "\nasked %95s", process->asked) != 1)
		process->asked[0] = '\0';
}

int read_status(struct process *process)
{
	char text[512], word[16];
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
	read_asked(text, process);
	return 0;
}
