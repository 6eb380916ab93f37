/*
 * Finding the payload. The rules and the texts are those of Go's exec.LookPath, because Docker tells 126 from 127 by
 * the words of the error.
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
	for (size_t i = 0; i < setup->environment.count; i++)
		if (strncmp(setup->environment.words[i], name, length) == 0 && setup->environment.words[i][length] == '=')
			value = setup->environment.words[i] + length + 1;
	return value;
}

/* 0: may be executed; else an errno, and whether it is already stat(2)'s. */
static int check_executable(const char *path, bool *stat_failed)
{
	struct stat st;

	*stat_failed = stat(path, &st) < 0;
	if (*stat_failed)
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

static int refuse(struct setup *setup, int error, bool stat_failed)
{
	const char *name = setup->arguments.words[0];

	setup->field = "process.args[0]";
	if (stat_failed)
		setup_fail(setup, "exec: \"%s\": stat %s: %s", name, name, reason(error));
	else
		setup_fail(setup, "exec: \"%s\": %s", name, reason(error));
	errno = error;
	return -1;
}

static int take_path(struct setup *setup)
{
	const char *name = setup->arguments.words[0];
	bool stat_failed;
	int error = check_executable(name, &stat_failed);

	if (error)
		return refuse(setup, error, stat_failed);
	if (strlen(name) >= sizeof(setup->executable))
		return refuse(setup, ENAMETOOLONG, false);
	strcpy(setup->executable, name);
	return 0;
}

/* DIRECTORY/NAME; an empty directory is the current one. False if that is too long. */
static bool join(struct setup *setup, const char *directory, size_t length, const char *name)
{
	size_t room = sizeof(setup->executable);
	int written = length == 0 ? snprintf(setup->executable, room, "./%s", name)
							  : snprintf(setup->executable, room, "%.*s/%s", (int)length, directory, name);

	return written > 0 && (size_t)written < room;
}

static int search_path(struct setup *setup)
{
	const char *name = setup->arguments.words[0];
	const char *path = environment_value(setup, "PATH");
	bool stat_failed;

	/* A PATH that is empty has no directories; one in a list is the current directory. */
	if (path && !*path)
		path = NULL;
	while (path && *name) {
		size_t length = strcspn(path, ":");

		if (join(setup, path, length, name) && check_executable(setup->executable, &stat_failed) == 0)
			return 0;
		path = path[length] ? path + length + 1 : NULL;
	}
	setup->field = "process.args[0]";
	setup_fail(setup, "exec: \"%s\": executable file not found in $PATH", name);
	errno = ENOENT;
	return -1;
}

int find_executable(struct setup *setup)
{
	return strchr(setup->arguments.words[0], '/') ? take_path(setup) : search_path(setup);
}
