#include "descriptor-limit.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/resource.h>

static struct rlimit before;
static bool raised;

void descriptor_limit_raise(void)
{
	if (getrlimit(RLIMIT_NOFILE, &before) != 0)
		return;
	struct rlimit limit = {.rlim_cur = before.rlim_max, .rlim_max = before.rlim_max};
	raised = setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

int descriptor_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT_MAX)
		return INT_MAX;
	return (int)limit.rlim_cur;
}

void descriptor_limit_restore(void)
{
	if (raised)
		setrlimit(RLIMIT_NOFILE, &before);
}
