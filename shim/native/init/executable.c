/*
 * Finding the payload. The rules and the texts are those of Go's exec.LookPath, because Docker tells 126 from 127 by
 * the words of the error (see shim-contract: Task methods).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "setup.h"

static const char *environment_value(const struct setup *setup, const char *name)
{
	size_t length = strlen(name);
	const char *value = NULL;

	/* The last one wins, as with setenv. */
	for (size_t i = 0; i < setup->environment_count; i++)
		if (strncmp(setup->environment[i], name, length) == 0 && setup->environment[i][length] == '=')
			value = setup->environment[i] + length + 1;
	return value;
}

/* 0: may be executed; else an errno. */
static int check_executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
		return errno;
	/* Root may "execute" anything for access(2), but execve wants an execute bit. */
	return st.st_mode & 0111 ? 0 : EACCES;
}

static const char *reason(int error)
{
	switch (error) {
		case EISDIR:
			return "is a directory";
		case EACCES:
			return "permission denied";
		case ENOENT:
			return "no such file or directory";
		case ENOTDIR:
			return "not a directory";
		default:
			return strerror(error);
	}
}

static int refuse(struct setup *setup, int error, const char *name)
{
	setup->field = "process.args[0]";
	if (error == ENOENT || error == ENOTDIR)
		setup_fail(setup, "exec: \"%s\": stat %s: %s", name, name, reason(error));
	else
		setup_fail(setup, "exec: \"%s\": %s", name, reason(error));
	errno = error;
	return -1;
}

static int use(struct setup *setup, const char *path, size_t length, const char *name)
{
	int written = length == 0
					  ? snprintf(setup->executable, sizeof(setup->executable), "./%s", name)
					  : snprintf(setup->executable, sizeof(setup->executable), "%.*s/%s", (int)length, path, name);

	return written > 0 && (size_t)written < sizeof(setup->executable) ? 0 : ENAMETOOLONG;
}

int find_executable(struct setup *setup)
{
	const char *name = setup->arguments[0];
	const char *path = environment_value(setup, "PATH");
	bool denied = false;

	if (strchr(name, '/')) {
		int error = check_executable(name);

		if (error)
			return refuse(setup, error, name);
		if (strlen(name) >= sizeof(setup->executable))
			return refuse(setup, ENAMETOOLONG, name);
		strcpy(setup->executable, name);
		return 0;
	}
	while (path && *name) {
		size_t length = strcspn(path, ":");

		if (use(setup, path, length, name) == 0) {
			int error = check_executable(setup->executable);

			if (!error)
				return 0;
			denied = denied || error == EACCES;
		}
		path = path[length] ? path + length + 1 : NULL;
	}
	if (denied)
		return refuse(setup, EACCES, name);
	setup->field = "process.args[0]";
	setup_fail(setup, "exec: \"%s\": executable file not found in $PATH", name);
	errno = ENOENT;
	return -1;
}
