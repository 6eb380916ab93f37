/* From the plan to libseccomp. The rules are runc's: libcontainer/seccomp/seccomp_linux.go. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../common/plan.h"
#include "filter.h"

int filter_fail(struct filter *filter, const char *what, int error)
{
	snprintf(
		filter->failure, sizeof(filter->failure), "%s: %s: %s", filter->field ? filter->field : "linux.seccomp", what,
		strerror(error < 0 ? -error : error));
	return -1;
}

static int parse_action(struct filter *filter, char **arguments, uint32_t *action)
{
	static const struct {
		const char *name;
		uint32_t action;
	} plain[] = {
		{"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
		{"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
		{"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
		{"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
		{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
		{"SCMP_ACT_LOG", SCMP_ACT_LOG},
	};
	uint32_t number;

	if (plan_u32(arguments[1], &number) < 0)
		return filter_fail(filter, arguments[0], errno);
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (strcmp(arguments[0], plain[i].name) == 0) {
			*action = plain[i].action;
			return 0;
		}
	}
	if (strcmp(arguments[0], "SCMP_ACT_ERRNO") == 0)
		*action = SCMP_ACT_ERRNO(number);
	else if (strcmp(arguments[0], "SCMP_ACT_TRACE") == 0)
		*action = SCMP_ACT_TRACE(number);
	else
		return filter_fail(filter, arguments[0], EINVAL);
	return 0;
}

/* field JSON-PATH */
static int op_field(void *context, char **arguments)
{
	((struct filter *)context)->field = arguments[0];
	return 0;
}

static void note_architecture(struct filter *filter, uint32_t token)
{
	filter->architectures[filter->architecture_count++] = (struct architecture){token, -1};
}

/* default ACTION ERRNO: first of all */
static int op_default(void *context, char **arguments)
{
	struct filter *filter = context;

	if (parse_action(filter, arguments, &filter->default_action) < 0)
		return -1;
	filter->context = seccomp_init(filter->default_action);
	if (!filter->context)
		return filter_fail(filter, "this libseccomp has no such action", EINVAL);
	note_architecture(filter, seccomp_arch_native());
	return 0;
}

/* architecture NAME: beside the host's own, by libseccomp's name for it */
static int op_architecture(void *context, char **arguments)
{
	struct filter *filter = context;
	uint32_t token = seccomp_arch_resolve_name(arguments[0]);
	int failed = token == 0 ? -EINVAL : seccomp_arch_add(filter->context, token);

	if (failed == -EEXIST)
		return 0;
	if (failed || filter->architecture_count == FILTER_MAX_ARCHITECTURES)
		return filter_fail(filter, arguments[0], failed ? failed : E2BIG);
	note_architecture(filter, token);
	return 0;
}

/* rule ACTION ERRNO: for the system calls that follow */
static int op_rule(void *context, char **arguments)
{
	struct filter *filter = context;

	filter->argument_count = 0;
	return parse_action(filter, arguments, &filter->action);
}

static int parse_operator(const char *name, enum scmp_compare *compare)
{
	static const char *const names[] = {
		[SCMP_CMP_NE] = "SCMP_CMP_NE",
		[SCMP_CMP_LT] = "SCMP_CMP_LT",
		[SCMP_CMP_LE] = "SCMP_CMP_LE",
		[SCMP_CMP_EQ] = "SCMP_CMP_EQ",
		[SCMP_CMP_GE] = "SCMP_CMP_GE",
		[SCMP_CMP_GT] = "SCMP_CMP_GT",
		[SCMP_CMP_MASKED_EQ] = "SCMP_CMP_MASKED_EQ",
	};

	for (size_t i = SCMP_CMP_NE; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			*compare = (enum scmp_compare)i;
			return 0;
		}
	}
	return -1;
}

/* argument INDEX OPERATOR VALUE VALUE-TWO: a condition of the rule; before its system calls */
static int op_argument(void *context, char **arguments)
{
	struct filter *filter = context;
	struct scmp_arg_cmp *argument = &filter->arguments[filter->argument_count];
	uint32_t index;
	uint64_t one, two;

	if (filter->argument_count == FILTER_MAX_ARGUMENTS)
		return filter_fail(filter, "there are more than 6 conditions", E2BIG);
	if (plan_u32(arguments[0], &index) < 0 || parse_operator(arguments[1], &argument->op) < 0)
		return filter_fail(filter, arguments[1], EINVAL);
	if (plan_u64(arguments[2], &one) < 0 || plan_u64(arguments[3], &two) < 0)
		return filter_fail(filter, "a value", errno);
	argument->arg = index;
	argument->datum_a = one;
	argument->datum_b = two;
	filter->argument_count++;
	return 0;
}

static int add_rule(struct filter *filter, int number, unsigned int count, const struct scmp_arg_cmp *arguments)
{
	int failed = seccomp_rule_add_array(filter->context, filter->action, number, count, arguments);

	/* The same rule twice, as profiles that were merged have it. */
	return failed == -EEXIST ? 0 : failed;
}

static bool has_double_index(const struct filter *filter)
{
	for (size_t i = 0; i < filter->argument_count; i++)
		for (size_t j = 0; j < i; j++)
			if (filter->arguments[i].arg == filter->arguments[j].arg)
				return true;
	return false;
}

/* Conditions on different arguments must all hold; of several on one argument, for which libseccomp has no rule, any.
 */
static int add_rules(struct filter *filter, int number)
{
	int failed = 0;

	if (!has_double_index(filter))
		return add_rule(filter, number, (unsigned int)filter->argument_count, filter->arguments);
	for (size_t i = 0; i < filter->argument_count && !failed; i++)
		failed = add_rule(filter, number, 1, &filter->arguments[i]);
	return failed;
}

static void note_highest(struct filter *filter, const char *name)
{
	for (size_t i = 0; i < filter->architecture_count; i++) {
		struct architecture *architecture = &filter->architectures[i];
		int number = seccomp_syscall_resolve_name_arch(architecture->token, name);

		if (number > architecture->highest)
			architecture->highest = number;
	}
}

/* syscall NAME: what this libseccomp does not know cannot be called through it either, and is left out */
static int op_syscall(void *context, char **arguments)
{
	struct filter *filter = context;
	int number = seccomp_syscall_resolve_name(arguments[0]);
	int failed;

	note_highest(filter, arguments[0]);
	/* A rule that does what is done anyway is an error for libseccomp. */
	if (number == __NR_SCMP_ERROR || filter->action == filter->default_action)
		return 0;
	failed = add_rules(filter, number);
	return failed ? filter_fail(filter, arguments[0], failed) : 0;
}

static const struct plan_operation operations[] = {
	{"field", 1, op_field}, {"default", 2, op_default},   {"architecture", 1, op_architecture},
	{"rule", 2, op_rule},   {"argument", 4, op_argument}, {"syscall", 1, op_syscall},
};

int read_profile(struct filter *filter, int fd)
{
	struct plan plan;
	int failed;

	if (plan_read(&plan, fd) < 0)
		return filter_fail(filter, "cannot read the plan", errno);
	failed = plan_run(&plan, operations, sizeof(operations) / sizeof(operations[0]), filter);
	if (failed && !filter->failure[0])
		filter_fail(filter, "cannot carry out the plan", errno);
	if (!failed && !filter->context)
		failed = filter_fail(filter, "there is no default action", EINVAL);
	plan_free(&plan);
	return failed ? -1 : 0;
}
