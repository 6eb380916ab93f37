#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "setup.h"

static bool has_home(const struct setup *setup)
{
	for (size_t i = 0; i < setup->environment_count; i++)
		if (strncmp(setup->environment[i], "HOME=", 5) == 0)
			return true;
	return false;
}

/* The sixth field of the first line whose third is the uid. The file is the image's: nothing in it is trusted. */
static const char *home_of(uid_t uid, char *line, int room)
{
	FILE *passwd = fopen("/etc/passwd", "re");
	const char *home = NULL;

	if (!passwd)
		return NULL;
	while (!home && fgets(line, room, passwd)) {
		char *rest = line, *fields[7] = {0}, *end;
		int count = 0;

		line[strcspn(line, "\n")] = '\0';
		while (count < 7 && rest)
			fields[count++] = strsep(&rest, ":");
		if (count < 6 || !fields[2][0])
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
