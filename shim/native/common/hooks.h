/* OCI hooks: programs that the configuration has run at points of a container's life (runtime spec, config.md). */
#ifndef LXCRI_HOOKS_H
#define LXCRI_HOOKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gate.h"
#include "word-list.h"

#define HOOKS_MAX 128

enum hook_kind {
	HOOK_PRESTART,
	HOOK_CREATE_RUNTIME,
	HOOK_CREATE_CONTAINER,
	HOOK_START_CONTAINER,
	HOOK_POSTSTART,
	HOOK_POSTSTOP,
};

struct hook {
	enum hook_kind kind;
	const char *path;
	uint32_t timeout; /* in seconds; 0: none */
	struct word_list arguments, environment;
};

struct hooks {
	struct hook list[HOOKS_MAX];
	size_t count;
	/* The state document up to what changes: `{…` without status, pid and the closing brace. */
	const char *state;
};

/* A hook that was started; its standard error is kept for what is said of its failure. */
struct hook_run {
	const struct hook *hook;
	pid_t pid;
	int pidfd, log;
};

/* The operations of plans: hook KIND PATH TIMEOUT; hook-argument WORD; hook-environment NAME=VALUE. */
int plan_hook(struct hooks *hooks, char **arguments);
int plan_hook_argument(struct hooks *hooks, char **arguments);
int plan_hook_environment(struct hooks *hooks, char **arguments);

bool has_hooks(const struct hooks *hooks, enum hook_kind kind);
/*
 * Starts one, in a session of its own; `enter` (may be NULL) is called in the child with `context` first, and returns 0
 * or -1 with errno. Returns 0, or -1 with errno.
 */
int start_hook(
	struct hook_run *run, const struct hook *hook, const char *state, int (*enter)(void *context), void *context);
/* Writes the state document, with what changes. Returns false if there is no room. */
bool format_state(const struct hooks *hooks, const char *status, pid_t pid, char *text, size_t room);
/*
 * When it has ended, by itself or (`ended_for` is why, else NULL) because it was killed: closes what is open, and
 * describes how it failed. Returns 0, or -1 for a failure.
 */
int finish_hook(struct hook_run *run, int wait_status, const char *ended_for, struct gate_failure *failure);
/* Kills it and what it has started in its session. */
void kill_hook(const struct hook_run *run);
const char *hook_name(enum hook_kind kind);

#endif
