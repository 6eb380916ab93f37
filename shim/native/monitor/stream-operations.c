#include <errno.h>
#include <stdint.h>

#include "../common/plan.h"
#include "process.h"
#include "stream-operations.h"

/* stdio NUMBER PATH: a FIFO or a file to append to; an empty path is /dev/null */
static int plan_stream(struct process *process, char **arguments, bool create)
{
	uint32_t number;

	if (plan_u32(arguments[0], &number) < 0 || number > 2) {
		errno = EPROTO;
		return -1;
	}
	process->streams[number].path = arguments[1];
	process->streams[number].create = create;
	return 0;
}

int op_stdio(void *context, char **arguments)
{
	return plan_stream(((struct plan_context *)context)->process, arguments, false);
}

/* log-file NUMBER PATH: a file to append to, made if it is missing */
int op_log_file(void *context, char **arguments)
{
	return plan_stream(((struct plan_context *)context)->process, arguments, true);
}

/* terminal: the streams are those of the terminal that the init will make */
int op_terminal(void *context, char **arguments)
{
	struct process *process = ((struct plan_context *)context)->process;

	(void)arguments;
	process->terminal.wanted = true;
	return 0;
}

/* logger PROGRAM NETWORK: takes stdout and stderr; the path of the network namespace that it runs in, of which an exec
 * is told at its start */
int op_logger(void *context, char **arguments)
{
	struct logger *logger = &((struct plan_context *)context)->process->logger;

	logger->program = arguments[0];
	logger->network = arguments[1][0] ? arguments[1] : NULL;
	return 0;
}

static int append(const char **list, size_t *count, size_t room, const char *word)
{
	if (*count == room) {
		errno = E2BIG;
		return -1;
	}
	list[(*count)++] = word;
	return 0;
}

/* logger-argument VALUE */
int op_logger_argument(void *context, char **arguments)
{
	struct logger *logger = &((struct plan_context *)context)->process->logger;

	return append(logger->arguments, &logger->argument_count, LOGGER_MAX_ARGUMENTS, arguments[0]);
}

/* logger-environment NAME=VALUE */
int op_logger_environment(void *context, char **arguments)
{
	struct logger *logger = &((struct plan_context *)context)->process->logger;

	return append(logger->environment, &logger->environment_count, LOGGER_MAX_ENVIRONMENT, arguments[0]);
}
