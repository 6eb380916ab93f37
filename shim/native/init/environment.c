#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "paths.h"
#include "setup.h"

#define MAX_PASSWD_LINES 100000

static bool has_home(const struct setup *setup)
{
	for (size_t i = 0; i < setup->environment_count; i++)
		if (strncmp(setup->environment[i], "HOME=", 5) == 0)
			return true;
	return false;
}

/* The image's: it may be a FIFO, a device, or a link to one, on which a reader waits for ever. */
static FILE *open_passwd(void)
{
	int fd = open_inside("/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	FILE *file;

	if (fd < 0)
		return NULL;
	file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? fdopen(fd, "r") : NULL;
	if (!file)
		close(fd);
	return file;
}

/* The sixth field of the first line whose third is the uid. Nothing in the file is trusted. */
static const char *home_of(uid_t uid, char *line, int room)
{
	FILE *passwd = open_passwd();
	const char *home = NULL;

	if (!passwd)
		return NULL;
	for (int count = 0; !home && count < MAX_PASSWD_LINES && fgets(line, room, passwd); count++) {
		char *rest = line, *fields[7] = {0}, *end;
		int found = 0;

		line[strcspn(line, "\n")] = '\0';
		while (found < 7 && rest)
			fields[found++] = strsep(&rest, ":");
		if (found < 6 || !fields[2][0])
			continue;
		if (strtoul(fields[2], &end, 10) == uid && !*end)
			home = fields[5];
	}
	fclose(passwd);
	return home;
}

int complete_environment(struct setup *setup)
{
	char line[4096];
	const char *home;
	char **grown, *entry;

	if (has_home(setup))
		return 0;
	home = home_of(setup->uid, line, sizeof(line));
	if (!home || !*home)
		home = "/";
	grown = realloc(setup->environment, (setup->environment_count + 2) * sizeof(char *));
	if (!grown)
		return -1;
	setup->environment = grown;
	if (asprintf(&entry, "HOME=%s", home) < 0)
		return -1;
	grown[setup->environment_count++] = entry;
	grown[setup->environment_count] = NULL;
	return 0;
}
