#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/plan.h"
#include "paths.h"
#include "setup.h"

#define PASSWD_MAX_SIZE (4 << 20)

/* The image's file. What is not a regular one might never end, or wait for a writer; those of /proc have no size. */
static FILE *open_passwd(void)
{
	int fd = open_inside("/etc/passwd", O_RDONLY | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	FILE *file = NULL;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= PASSWD_MAX_SIZE)
		file = fdopen(fd, "r");
	if (!file)
		close(fd);
	return file;
}

/* The sixth field of a line whose third is the uid, else NULL. */
static const char *home_in(char *line, uid_t uid)
{
	char *fields[6] = {0};
	uint32_t number;

	line[strcspn(line, "\n")] = '\0';
	for (int i = 0; i < 6; i++) {
		fields[i] = strsep(&line, ":");
		if (!fields[i])
			return NULL;
	}
	return plan_u32(fields[2], &number) == 0 && number == uid ? fields[5] : NULL;
}

char *find_home(FILE *passwd, uid_t uid)
{
	char *line = NULL, *home = NULL;
	size_t room = 0, total = 0;
	ssize_t size;

	while (!home && total <= PASSWD_MAX_SIZE && (size = getline(&line, &room, passwd)) > 0) {
		const char *found = home_in(line, uid);

		total += (size_t)size;
		if (found)
			home = strdup(found);
	}
	free(line);
	return home;
}

static char **find_variable(const struct setup *setup, const char *prefix)
{
	for (size_t i = 0; i < setup->environment.count; i++)
		if (strncmp(setup->environment.words[i], prefix, strlen(prefix)) == 0)
			return &setup->environment.words[i];
	return NULL;
}

static char *make_home_variable(uid_t uid)
{
	FILE *passwd = open_passwd();
	char *home = passwd ? find_home(passwd, uid) : NULL;
	char *variable;

	if (passwd)
		fclose(passwd);
	if (asprintf(&variable, "HOME=%s", home && *home ? home : "/") < 0)
		variable = NULL;
	free(home);
	return variable;
}

int complete_environment(struct setup *setup)
{
	char **home = find_variable(setup, "HOME=");
	char *variable;

	if (home && (*home)[strlen("HOME=")])
		return 0;
	variable = make_home_variable(setup->uid);
	if (!variable)
		return -1;
	if (!home)
		return append_word(&setup->environment, variable);
	*home = variable;
	return 0;
}
