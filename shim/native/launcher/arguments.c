#include "arguments.h"

#include <stddef.h>
#include <string.h>

struct flag {
	const char *name;
	bool is_switch;
	size_t offset;
};

static const struct flag flags[] = {
	{"namespace", false, offsetof(struct arguments, namespace_name)},
	{"id", false, offsetof(struct arguments, id)},
	{"bundle", false, offsetof(struct arguments, bundle)},
	{"address", false, offsetof(struct arguments, address)},
	{"publish-binary", false, offsetof(struct arguments, publish_binary)},
	// containerd before 2.0 knows it and never gives it: accepted and unused
	{"socket", false, offsetof(struct arguments, socket)},
	{"debug", true, offsetof(struct arguments, debug)},
	{"v", true, offsetof(struct arguments, version)},
	{"version", true, offsetof(struct arguments, version)},
	{"info", true, offsetof(struct arguments, info)},
	{"h", true, offsetof(struct arguments, help)},
	{"help", true, offsetof(struct arguments, help)},
};

static const struct flag *find_flag(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
		if (strlen(flags[i].name) == length && memcmp(flags[i].name, name, length) == 0)
			return &flags[i];
	}
	return NULL;
}

static bool is_one_of(const char *value, const char *const *words)
{
	for (; *words; words++) {
		if (strcmp(value, *words) == 0)
			return true;
	}
	return false;
}

static int set_switch(bool *target, const char *name, const char *value, struct failure *failure)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True", NULL};
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False", NULL};
	if (!value || is_one_of(value, yes))
		*target = true;
	else if (is_one_of(value, no))
		*target = false;
	else
		return fail(failure, "the flag -%s is either given or not, it takes no value \"%s\"", name, value);
	return 0;
}

/** Takes the flag at argv[*index] and its value, and moves the index past both. */
static int take_flag(int argc, char *const argv[], int *index, struct arguments *arguments, struct failure *failure)
{
	const char *given = argv[(*index)++];
	const char *name = given + (given[1] == '-' ? 2 : 1);
	const char *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	const struct flag *flag = find_flag(name, length);
	if (!flag)
		return fail(failure, "there is no flag %s (see --help)", given);

	const char *value = equals ? equals + 1 : NULL;
	void *target = (char *)arguments + flag->offset;
	if (flag->is_switch)
		return set_switch(target, flag->name, value, failure);
	if (!value) {
		if (*index >= argc)
			return fail(failure, "the flag -%s needs a value", flag->name);
		value = argv[(*index)++];
	}
	*(const char **)target = value;
	return 0;
}

int arguments_parse(int argc, char *const argv[], struct arguments *arguments, struct failure *failure)
{
	*arguments = (struct arguments){
		.namespace_name = "",
		.id = "",
		.bundle = "",
		.address = "",
		.publish_binary = "",
		.socket = "",
		.action = "",
	};
	int index = 1;
	while (index < argc) {
		const char *given = argv[index];
		if (given[0] != '-' || given[1] == '\0')
			break;
		if (strcmp(given, "--") == 0) {
			index++;
			break;
		}
		if (take_flag(argc, argv, &index, arguments, failure) != 0)
			return -1;
	}
	// Arguments after the action are containerd's to add (2.x can): they concern nothing here.
	if (index < argc)
		arguments->action = argv[index];
	arguments->has_more = index + 1 < argc;
	return 0;
}
