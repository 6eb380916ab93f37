#include "daemon-environment.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

// systemd gives services this one; execvp and Node alike need some PATH.
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *value_of(const char *variable, const char *name)
{
	size_t length = strlen(name);
	return strncmp(variable, name, length) == 0 && variable[length] == '=' ? variable + length + 1 : NULL;
}

const char *environment_value(char *const environment[], const char *name)
{
	for (; *environment; environment++) {
		const char *value = value_of(*environment, name);
		if (value)
			return value;
	}
	return NULL;
}

static bool is_one_of(const char *variable, const char *const *names)
{
	for (; *names; names++) {
		if (value_of(variable, *names))
			return true;
	}
	return false;
}

static bool is_passed_on(const char *variable)
{
	static const char *const passed[] = {"PATH", "HOME", "LANG", NULL};
	// Set here and nowhere else.
	static const char *const own[] = {"LXCRI_BUILD", "LXCRI_RUN_DIR", "LXCRI_LIB_DIR", "LXCRI_KEEPER", NULL};
	if (strncmp(variable, "LXCRI_", 6) == 0)
		return !is_one_of(variable, own);
	return is_one_of(variable, passed);
}

static int append(struct daemon_environment *environment, char *variable, struct failure *failure)
{
	if (environment->count == DAEMON_ENVIRONMENT_MAX)
		return fail(failure, "there are more than %d LXCRI_* variables in the environment", DAEMON_ENVIRONMENT_MAX);
	environment->variables[environment->count++] = variable;
	environment->variables[environment->count] = NULL;
	return 0;
}

int daemon_environment_add(
	struct daemon_environment *environment, const char *name, const char *value, struct failure *failure)
{
	char *start = environment->text + environment->text_used;
	size_t room = sizeof environment->text - environment->text_used;
	int used = snprintf(start, room, "%s=%s", name, value);
	if (used < 0 || (size_t)used >= room)
		return fail(failure, "the value of %s for the daemon's environment is too long", name);
	environment->text_used += (size_t)used + 1;
	return append(environment, start, failure);
}

int daemon_environment_init(
	struct daemon_environment *environment, char *const inherited[], const struct paths *paths, const char *build,
	struct failure *failure)
{
	environment->count = 0;
	environment->text_used = 0;
	environment->variables[0] = NULL;
	for (char *const *variable = inherited; *variable; variable++) {
		if (is_passed_on(*variable) && append(environment, *variable, failure) != 0)
			return -1;
	}
	if (!environment_value(environment->variables, "PATH") &&
		daemon_environment_add(environment, "PATH", DEFAULT_PATH, failure) != 0)
		return -1;
	if (daemon_environment_add(environment, "LXCRI_BUILD", build, failure) != 0 ||
		daemon_environment_add(environment, "LXCRI_RUN_DIR", paths->run_dir, failure) != 0)
		return -1;
	return daemon_environment_add(environment, "LXCRI_LIB_DIR", paths->lib_dir, failure);
}
