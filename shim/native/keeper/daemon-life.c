#include "daemon-life.h"

#include "control-data.h"
#include "crash-blame.h"
#include "daemon-log.h"
#include "host/deadline.h"
#include "host/file-io.h"
#include "keeper-log.h"
#include "keeper.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define LONG_ENOUGH_NS ((int64_t)1000000000)
#define FIRST_PAUSE_MS 50
#define LONGEST_PAUSE_MS 5000
#define FAILURES_MAX 5
// Whoever replaces Node is through by then; containerd waits 5 s for what the launcher is told.
#define FAILING_NS ((int64_t)1500 * 1000000)
// Requests wait so long for a new build to load; then they get the one that is known.
#define SUCCESSOR_LIMIT_MS 2000
#define LEAVE_LIMIT_MS 5000
#define BEGIN_LIMIT_MS 60000
// Who ends the keeper does not wait for ever: systemd kills after a while.
#define END_LIMIT_MS 2000
#define REFUSED_NS ((int64_t)60 * 1000000000)

static void start_now(struct keeper *keeper);

static struct daemon_process *free_slot(struct daemon_life *life)
{
	return life->slots[0].stage == DAEMON_NONE ? &life->slots[0] : &life->slots[1];
}

/** No daemon is there. */
static bool is_alone(const struct daemon_life *life)
{
	return !life->current && !life->successor;
}

const struct daemon_process *daemon_life_serving(const struct keeper *keeper)
{
	const struct daemon_process *current = keeper->life.current;
	return current && current->stage == DAEMON_READY ? current : NULL;
}

void daemon_life_want(struct keeper *keeper)
{
	struct daemon_life *life = &keeper->life;
	life->wanted = true;
	if (life->current || life->start.running || life->ending)
		return;
	if (life->successor)
		timer_start(&keeper->loop, &life->start, SUCCESSOR_LIMIT_MS);
	else
		// One program that cannot be run after the other must not take the whole processor.
		timer_start(&keeper->loop, &life->start, life->failures < FAILURES_MAX ? 0 : FIRST_PAUSE_MS);
}

void daemon_life_wake(struct keeper *keeper)
{
	keeper->life.woken = true;
	if (!daemon_life_serving(keeper))
		daemon_life_want(keeper);
}

bool daemon_life_announce(struct keeper *keeper)
{
	struct daemon_life *life = &keeper->life;
	daemon_life_tell(keeper, CONTROL_ANNOUNCED, NULL, 0, NULL, 0);
	if (!daemon_life_serving(keeper))
		daemon_life_want(keeper);
	if (life->successor)
		return false;
	if (life->current)
		return life->current->stage == DAEMON_SPAWNED;
	// A person is waiting, so this does not.
	timer_start(&keeper->loop, &life->start, 0);
	return true;
}

bool daemon_life_is(const struct keeper *keeper, const char *build)
{
	const struct daemon_life *life = &keeper->life;
	return strcmp(life->successor ? life->successor->build : life->build, build) == 0;
}

bool daemon_life_refused(const struct keeper *keeper, const char *build)
{
	const struct daemon_life *life = &keeper->life;
	return strcmp(life->refused_build, build) == 0 && deadline_left_ns(life->refused_at + REFUSED_NS) > 0;
}

void daemon_life_sent(struct keeper *keeper)
{
	if (keeper->life.current)
		keeper->life.current->requests_sent++;
}

void daemon_life_answered(struct keeper *keeper)
{
	keeper->life.answered = true;
}

void daemon_life_tell(
	struct keeper *keeper, enum control_frame type, const void *head, size_t head_size, const void *data,
	size_t data_size)
{
	if (keeper->life.current)
		daemon_process_tell(keeper->life.current, type, head, head_size, data, data_size);
}

static int spawn(
	struct keeper *keeper, struct daemon_process **place, const char *build, const char *lib_dir,
	struct failure *failure)
{
	struct daemon_life *life = &keeper->life;
	struct daemon_process *process = free_slot(life);
	if (daemon_process_start(process, &keeper->loop, &keeper->setting, ++life->last_number, build, lib_dir, failure) !=
		0)
		return -1;
	*place = process;
	return 0;
}

/**
 * No daemon will come for now: whoever asks for something is told. What has waited for long is kept, and for that it is
 * tried again.
 */
static void give_up(struct keeper *keeper)
{
	struct daemon_life *life = &keeper->life;
	char text[1000];
	snprintf(text, sizeof text, "the shim daemon cannot be started: %s", life->reason);
	keeper_log(keeper, "%s", text);
	life->wanted = false;
	clients_refuse(keeper, text);
	if (clients_summarize(keeper).needing)
		timer_start(&keeper->loop, &life->start, LONGEST_PAUSE_MS);
}

static void count_failure(struct daemon_life *life)
{
	if (life->failures++ == 0)
		life->failing_since = deadline_in_ms(0);
}

/** After a daemon that never served, or hardly. */
static void try_again(struct keeper *keeper)
{
	struct daemon_life *life = &keeper->life;
	if (life->ending)
		return;
	if (life->failures >= FAILURES_MAX && deadline_in_ms(0) - life->failing_since >= FAILING_NS) {
		give_up(keeper);
		return;
	}
	int64_t pause = FIRST_PAUSE_MS;
	for (unsigned i = 1; i < life->hasty && pause < LONGEST_PAUSE_MS; i++)
		pause *= 2;
	timer_start(&keeper->loop, &life->start, pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS);
}

/** The program cannot be run, of which exec or a look at its files has told. */
static void cannot_run(struct keeper *keeper, const struct failure *failure)
{
	struct daemon_life *life = &keeper->life;
	snprintf(life->reason, sizeof life->reason, "%.500s", failure->text);
	count_failure(life);
	life->hasty++;
	// It is told to the launchers alone if nothing else is waiting: then there is nothing to try again for.
	if (clients_summarize(keeper).needing || life->containers > 0)
		try_again(keeper);
	else
		life->wanted = false;
	control_started(keeper, failure);
}

static void start_now(struct keeper *keeper)
{
	struct daemon_life *life = &keeper->life;
	struct failure failure;
	if (life->current || life->ending)
		return;
	life->answered = false;
	if (spawn(keeper, &life->current, life->build, life->lib_dir, &failure) != 0)
		cannot_run(keeper, &failure);
}

static void on_start(struct timer *timer)
{
	start_now(timer->owner);
}

static void begin(struct keeper *keeper)
{
	struct daemon_process *process = keeper->life.current;
	process->stage = DAEMON_BEGUN;
	daemon_process_limit(process, BEGIN_LIMIT_MS);
	daemon_process_tell(process, CONTROL_BEGIN, NULL, 0, NULL, 0);
}

/** The successor is loaded, and its predecessor gone. */
static void promote(struct keeper *keeper)
{
	struct daemon_life *life = &keeper->life;
	life->current = life->successor;
	life->successor = NULL;
	life->answered = false;
	strcpy(life->build, life->current->build);
	strcpy(life->lib_dir, life->current->lib_dir);
	begin(keeper);
}

static void leave(struct keeper *keeper, enum control_frame why)
{
	struct daemon_process *current = keeper->life.current;
	current->stage = DAEMON_LEAVING;
	current->is_handover = why == CONTROL_HANDOVER;
	clients_hold(keeper);
	daemon_process_limit(current, LEAVE_LIMIT_MS);
	daemon_process_tell(current, why, NULL, 0, NULL, 0);
}

static void on_loaded(struct keeper *keeper, struct daemon_process *process)
{
	struct daemon_life *life = &keeper->life;
	if (process->stage != DAEMON_SPAWNED && process->stage != DAEMON_EXECUTED)
		return;
	process->stage = DAEMON_LOADED;
	if (process == life->current) {
		begin(keeper);
		return;
	}
	// How long it has to wait for BEGIN is not its doing.
	timer_stop(&keeper->loop, &process->limit);
	if (life->ending)
		kill(process->pid, SIGKILL);
	else if (!life->current)
		promote(keeper);
	else if (life->current->stage != DAEMON_LEAVING)
		leave(keeper, CONTROL_HANDOVER);
}

static void on_ready(struct keeper *keeper, struct daemon_process *process)
{
	struct daemon_life *life = &keeper->life;
	if (process->stage != DAEMON_BEGUN)
		return;
	process->stage = DAEMON_READY;
	process->ready_at = deadline_in_ms(0);
	// Until it tells, when it would sleep: a keeper that departed would take its containers' sockets along.
	life->containers = UINT64_MAX;
	timer_stop(&keeper->loop, &process->limit);
	life->failures = 0;
	life->woken = false;
	life->wanted = false;
	clients_attach(keeper);
	if (!life->successor)
		control_replaced(keeper, NULL);
}

/** Whether nothing is left that this daemon would have to do. */
static bool may_sleep(struct keeper *keeper, const struct daemon_process *process, uint64_t requests)
{
	const struct daemon_life *life = &keeper->life;
	struct clients_summary clients = clients_summarize(keeper);
	return !life->successor && !life->woken && process->requests_sent == requests && !clients.unsent && !clients.raw;
}

static void on_sleep(struct keeper *keeper, struct daemon_process *process, struct control_data data)
{
	struct daemon_life *life = &keeper->life;
	uint64_t requests = 0, containers = 0;
	if (process->stage != DAEMON_READY || !control_data_number(&data, &requests) ||
		!control_data_number(&data, &containers))
		return;
	life->containers = containers;
	if (may_sleep(keeper, process, requests)) {
		life->wanted = false;
		leave(keeper, CONTROL_GO);
		return;
	}
	life->woken = false;
	daemon_process_tell(process, CONTROL_STAY, NULL, 0, NULL, 0);
}

static void on_said(struct daemon_process *process, struct frame *frame)
{
	struct keeper *keeper = process->context;
	struct control_data data = {.bytes = frame_data(frame), .size = frame_data_size(frame)};
	switch (frame->type) {
		case CONTROL_LOADED:
			on_loaded(keeper, process);
			break;
		case CONTROL_READY:
			on_ready(keeper, process);
			break;
		case CONTROL_SLEEP:
			on_sleep(keeper, process, data);
			break;
		case CONTROL_PUBLISH:
			publisher_publish(keeper, data);
			break;
		case CONTROL_RECORDED:
			publisher_recorded(keeper, data);
			break;
	}
}

static void on_executed(struct daemon_process *process)
{
	struct keeper *keeper = process->context;
	if (process == keeper->life.current)
		control_started(keeper, NULL);
}

static const struct daemon_owner owner = {.executed = on_executed, .said = on_said};

int daemon_life_init(struct keeper *keeper, const char *build, const char *lib_dir, struct failure *failure)
{
	struct daemon_life *life = &keeper->life;
	if (format_path(life->build, sizeof life->build, "%s", build) != 0 ||
		format_path(life->lib_dir, sizeof life->lib_dir, "%s", lib_dir) != 0)
		return fail(failure, "LXCRI_BUILD or LXCRI_LIB_DIR is too long");
	for (size_t i = 0; i < 2; i++) {
		life->slots[i].owner = &owner;
		life->slots[i].context = keeper;
	}
	life->start = (struct timer){.due = on_start, .owner = keeper};
	return 0;
}

static void describe_cause(const struct daemon_process *process, int status, char *text, size_t size)
{
	if (process->is_overdue)
		snprintf(text, size, "it took longer than it may, and was killed");
	else if (WIFSIGNALED(status))
		snprintf(text, size, "it was killed by signal %d", WTERMSIG(status));
	else
		snprintf(text, size, "it ended with exit code %d", WEXITSTATUS(status));
}

/** How a process ended, and its last words. */
static void describe_end(struct keeper *keeper, const struct daemon_process *process, int status)
{
	char *reason = keeper->life.reason;
	size_t size = sizeof keeper->life.reason;
	char line[200];
	char cause[64];
	daemon_log_last_line(&keeper->paths, process->log_start, line, sizeof line);
	describe_cause(process, status, cause, sizeof cause);
	if (process->failure.text[0])
		snprintf(reason, size, "%.500s", process->failure.text);
	else if (line[0])
		snprintf(reason, size, "%s; its log %.200s ends with: %s", cause, keeper->paths.log, line);
	else
		snprintf(reason, size, "%s; it has written nothing to %.200s", cause, keeper->paths.log);
}

static void successor_ended(struct keeper *keeper, struct daemon_process *process, int status)
{
	struct daemon_life *life = &keeper->life;
	describe_end(keeper, process, status);
	keeper_log(
		keeper, "daemon %u of build %s could not replace another: %s", process->number, process->build, life->reason);
	strcpy(life->refused_build, process->build);
	life->refused_at = deadline_in_ms(0);
	life->successor = NULL;
	daemon_process_close(process);
	struct failure failure;
	fail(&failure, "the new daemon could not be started, the old one goes on: %s", life->reason);
	control_replaced(keeper, &failure);
	if (!life->current)
		daemon_life_want(keeper);
}

/** The current daemon died of itself, or of whatever. */
static void after_death(struct keeper *keeper, bool served, bool lasted)
{
	struct daemon_life *life = &keeper->life;
	if (served)
		life->failures = 0;
	else
		count_failure(life);
	life->hasty = lasted ? 0 : life->hasty + 1;
	if (life->successor)
		daemon_life_want(keeper);
	else if (lasted)
		start_now(keeper);
	else
		try_again(keeper);
}

/** By itself: nobody has killed it, or told it to end. */
static bool is_crash(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status) != 0;
	return WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM;
}

static void current_ended(struct keeper *keeper, struct daemon_process *process, int status)
{
	struct daemon_life *life = &keeper->life;
	bool leaving = process->stage == DAEMON_LEAVING;
	bool served = process->ready_at != 0;
	bool lasted = served && (life->answered || deadline_in_ms(0) - process->ready_at >= LONG_ENOUGH_NS);
	struct failure failure = process->failure;
	describe_end(keeper, process, status);
	daemon_process_close(process);
	life->current = NULL;
	clients_detach(keeper);
	bool is_followed = life->successor && life->successor->stage == DAEMON_LOADED && !life->ending;
	if (failure.text[0] && !is_followed) {
		cannot_run(keeper, &failure);
		return;
	}
	if (!leaving)
		keeper_log(keeper, "daemon %u has died: %s", process->number, life->reason);
	if (is_crash(status) && !failure.text[0])
		blame_crash(keeper, life->reason);
	if (is_followed)
		promote(keeper);
	else if (!leaving)
		after_death(keeper, served, lasted);
	else if (!life->successor && (life->wanted || process->is_handover))
		start_now(keeper);
}

void daemon_life_reaped(struct keeper *keeper, pid_t pid, int status)
{
	struct daemon_life *life = &keeper->life;
	if (life->successor && life->successor->pid == pid)
		successor_ended(keeper, life->successor, status);
	else if (life->current && life->current->pid == pid)
		current_ended(keeper, life->current, status);
}

void daemon_life_replace(struct keeper *keeper, const char *build, const char *lib_dir)
{
	struct daemon_life *life = &keeper->life;
	struct failure failure;
	if (life->successor) {
		fail(&failure, "another daemon is just taking over");
		control_replaced(keeper, &failure);
		return;
	}
	timer_stop(&keeper->loop, &life->start);
	keeper_log(keeper, "replacing build %s by %s", life->build, build);
	if (spawn(keeper, &life->successor, build, lib_dir, &failure) == 0) {
		// Whoever waits for a start has one.
		control_started(keeper, NULL);
		if (life->wanted)
			daemon_life_want(keeper);
		return;
	}
	keeper_log(keeper, "build %s cannot be run: %s", build, failure.text);
	snprintf(life->refused_build, sizeof life->refused_build, "%s", build);
	life->refused_at = deadline_in_ms(0);
	control_replaced(keeper, &failure);
	if (!life->current && life->wanted)
		daemon_life_want(keeper);
}

void daemon_life_renew(struct keeper *keeper)
{
	const struct daemon_life *life = &keeper->life;
	if (!life->successor && !daemon_life_refused(keeper, life->build))
		daemon_life_replace(keeper, life->build, life->lib_dir);
}

void daemon_life_end(struct keeper *keeper)
{
	struct daemon_life *life = &keeper->life;
	life->ending = true;
	timer_stop(&keeper->loop, &life->start);
	if (life->successor)
		kill(life->successor->pid, SIGKILL);
	if (!life->current || life->current->stage == DAEMON_LEAVING)
		return;
	leave(keeper, CONTROL_HANDOVER);
	daemon_process_limit(life->current, END_LIMIT_MS);
}

bool daemon_life_has_ended(const struct keeper *keeper)
{
	return is_alone(&keeper->life);
}

const char *daemon_life_state(const struct keeper *keeper)
{
	const struct daemon_life *life = &keeper->life;
	if (!life->current)
		return life->successor ? "starting" : life->start.running ? "backoff" : "asleep";
	if (life->current->stage == DAEMON_READY)
		return "ready";
	return life->current->stage == DAEMON_LEAVING ? "leaving" : "starting";
}

bool daemon_life_is_over(const struct keeper *keeper)
{
	const struct daemon_life *life = &keeper->life;
	return is_alone(life) && !life->start.running && life->containers == 0;
}
