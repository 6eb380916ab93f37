/*
 * From the all-powerful init to the payload's user. The order is the kernel's: limits while they may be raised, the
 * bounding set while CAP_SETPCAP is there, groups before the user, and the final sets after the user changed, because
 * setuid clears what is not kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../common/kernel.h"
#include "paths.h"
#include "setup.h"

#define CAPABILITY_VERSION_3 0x20080522u
#define CAP_SYS_ADMIN_BIT 21
#define LAST_CAPABILITY 63

/* Not in musl's headers under this name on every version. */
#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT 47
#define PR_CAP_AMBIENT_RAISE 2
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#endif

static int fail(struct setup *setup, const char *field, const char *what)
{
	setup->field = field;
	return setup_fail(setup, "%s: %s", what, strerror(errno));
}

static int fail_limit(struct setup *setup, size_t index)
{
	static char field[40];
	const struct rlimit_request *request = &setup->rlimits[index];
	const char *hint =
		request->resource == RLIMIT_NOFILE && errno == EPERM ? "; no more than fs.nr_open are allowed" : "";

	snprintf(field, sizeof(field), "process.rlimits[%zu]", index);
	setup->field = field;
	return setup_fail(
		setup, "cannot set the limit to %llu, and %llu at most: %s%s", (unsigned long long)request->soft,
		(unsigned long long)request->hard, strerror(errno), hint);
}

static int raise_limits(struct setup *setup)
{
	for (size_t i = 0; i < setup->rlimit_count; i++) {
		const struct rlimit_request *request = &setup->rlimits[i];
		struct rlimit limit = {(rlim_t)request->soft, (rlim_t)request->hard};

		if (setrlimit((int)request->resource, &limit) < 0)
			return fail_limit(setup, i);
	}
	return 0;
}

static int drop_bounding_set(struct setup *setup)
{
	for (int capability = 0; capability <= LAST_CAPABILITY; capability++) {
		if (setup->capabilities.bounding >> capability & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) {
			if (errno == EINVAL) /* beyond the kernel's last capability */
				return 0;
			return fail(setup, "process.capabilities.bounding", "cannot drop a capability");
		}
	}
	return 0;
}

static int set_sets(struct setup *setup, uint64_t effective, uint64_t permitted)
{
	struct {
		uint32_t version;
		int pid;
	} header = {CAPABILITY_VERSION_3, 0};
	struct {
		uint32_t effective, permitted, inheritable;
	} data[2];

	for (int half = 0; half < 2; half++) {
		data[half].effective = (uint32_t)(effective >> (32 * half));
		data[half].permitted = (uint32_t)(permitted >> (32 * half));
		data[half].inheritable = (uint32_t)(setup->capabilities.inheritable >> (32 * half));
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return fail(setup, "process.capabilities", "cannot set the capabilities");
	return 0;
}

/* What a filter is loaded with, if the payload gets no_new_privs no other way. */
static uint64_t loading_capability(const struct setup *setup)
{
	return setup->filter && !setup->no_new_privileges ? 1ull << CAP_SYS_ADMIN_BIT : 0;
}

int raise_loading_capability(struct setup *setup)
{
	const struct capability_sets *sets = &setup->capabilities;
	uint64_t extra = loading_capability(setup);

	return set_sets(setup, sets->effective | extra, sets->permitted | extra);
}

int drop_loading_capability(struct setup *setup)
{
	return set_sets(setup, setup->capabilities.effective, setup->capabilities.permitted);
}

static int set_capabilities(struct setup *setup)
{
	const struct capability_sets *sets = &setup->capabilities;

	if (set_sets(setup, sets->effective, sets->permitted | loading_capability(setup)) < 0)
		return -1;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return fail(setup, "process.capabilities.ambient", "cannot clear the ambient set");
	for (int capability = 0; capability <= LAST_CAPABILITY; capability++)
		if (sets->ambient >> capability & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
			return fail(
				setup, "process.capabilities.ambient",
				"cannot raise a capability (it must be permitted and inheritable too)");
	return 0;
}

static int change_user(struct setup *setup)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return fail(setup, "process.user", "cannot keep capabilities across the change of user");
	if (setup->may_set_groups && setgroups(setup->group_count, setup->groups) < 0)
		return fail(setup, "process.user.additionalGids", "cannot set the groups");
	if (setresgid(setup->gid, setup->gid, setup->gid) < 0)
		return fail(setup, "process.user.gid", "cannot become the group");
	if (setresuid(setup->uid, setup->uid, setup->uid) < 0)
		return fail(setup, "process.user.uid", "cannot become the user");
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return fail(setup, "process.user", "cannot reset the keep-capabilities flag");
	return 0;
}

/* Tried as the privileged user, then as the container's, as runc does: NFS may refuse the one, modes the other. */
static bool enter_cwd(const struct setup *setup)
{
	int directory = setup->cwd ? open_inside(setup->cwd, O_PATH | O_DIRECTORY) : -1;
	bool entered;

	if (directory < 0)
		return !setup->cwd;
	entered = fchdir(directory) == 0;
	close(directory);
	return entered;
}

/* A user without privileges may then reopen /dev/stdout. What refuses (a read-only /dev/null) is left as it is. */
static void give_stdio(const struct setup *setup)
{
	for (int fd = 0; fd <= 2; fd++) {
		struct stat st;

		if (fstat(fd, &st) < 0)
			continue;
		if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
			continue;
		if (fchown(fd, setup->uid, st.st_gid) < 0)
			continue;
	}
}

int install_stdio(struct setup *setup)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (dup2(setup->fds[SETUP_STDIN + fd], fd) < 0)
			return fail(setup, "stdio", "cannot install a standard stream");
		close_received(setup, SETUP_STDIN + (size_t)fd);
	}
	give_stdio(setup);
	if (setup->has_terminal && take_terminal() < 0)
		return fail(setup, "process.terminal", "cannot make the terminal the session's");
	return 0;
}

int take_credentials(struct setup *setup)
{
	bool entered = enter_cwd(setup);

	if (raise_limits(setup) < 0 || drop_bounding_set(setup) < 0)
		return -1;
	/* With no_new_privs first the file capabilities of the payload count for nothing, which is its point. */
	if (setup->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(setup, "process.noNewPrivileges", "cannot set no_new_privs");
	if (change_user(setup) < 0)
		return -1;
	umask(setup->umask);
	if (setup->set_personality && syscall(SYS_personality, (unsigned long)setup->personality) < 0)
		return fail(setup, "linux.personality", "cannot set the execution domain");
	if (set_capabilities(setup) < 0)
		return -1;
	if (!entered && !enter_cwd(setup)) {
		setup->field = "process.cwd";
		return setup_fail(setup, "chdir to cwd (\"%s\") set in config.json failed: %s", setup->cwd, path_error(errno));
	}
	return 0;
}
