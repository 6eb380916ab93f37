#include "descriptor-limit.h"

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

void descriptor_limit_restore(void)
{
	if (raised)
		setrlimit(RLIMIT_NOFILE, &before);
}
