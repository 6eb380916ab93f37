#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "criu.h"

/* argument WORD: one each; the first is the program */
static int op_argument(void *context, char **arguments)
{
	return append_word(&((struct criu *)context)->arguments, arguments[0]);
}

static int add_inherited(struct criu *criu, const char *number, int stream, const char *path)
{
	struct inherited_fd *inherited;

	if (criu->inherited_count == CRIU_MAX_INHERITED) {
		errno = E2BIG;
		return -1;
	}
	inherited = &criu->inherited[criu->inherited_count++];
	inherited->stream = stream;
	inherited->path = path;
	return plan_u32(number, &inherited->number);
}

/* inherit-stream NUMBER STREAM: the container's standard stream of that number */
static int op_inherit_stream(void *context, char **arguments)
{
	uint32_t stream;

	if (plan_u32(arguments[1], &stream) < 0 || stream > 2) {
		errno = EPROTO;
		return -1;
	}
	return add_inherited(context, arguments[0], (int)stream, NULL);
}

/* inherit-file NUMBER PATH: a file of the host's, or a namespace */
static int op_inherit_file(void *context, char **arguments)
{
	return add_inherited(context, arguments[0], -1, arguments[1]);
}

/* root PATH PLACE: of the container to be restored; PLACE is a directory that is there, for criu's mount of it */
static int op_root(void *context, char **arguments)
{
	struct criu *criu = context;

	criu->root = arguments[0];
	criu->place = arguments[1];
	return 0;
}

/* cgroup-namespace: the container has one of its own, at its cgroup */
static int op_cgroup_namespace(void *context, char **arguments)
{
	(void)arguments;
	((struct criu *)context)->cgroup_namespace = true;
	return 0;
}

/* mount-point PATH DIRECTORY(0|1): below the root, to be made if it is missing */
static int op_mount_point(void *context, char **arguments)
{
	struct criu *criu = context;

	if (criu->mount_point_count == CRIU_MAX_MOUNT_POINTS) {
		errno = E2BIG;
		return -1;
	}
	criu->mount_points[criu->mount_point_count++] = (struct mount_point){arguments[0], arguments[1][0] == '1'};
	return 0;
}

static const struct plan_operation operations[] = {
	{"argument", 1, op_argument}, {"inherit-stream", 2, op_inherit_stream},     {"inherit-file", 2, op_inherit_file},
	{"root", 2, op_root},         {"cgroup-namespace", 0, op_cgroup_namespace}, {"mount-point", 2, op_mount_point},
};

int read_criu_plan(struct criu *criu, const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	int failed;

	if (fd < 0)
		return -1;
	failed = plan_read(&criu->plan, fd) < 0 ||
			 plan_run(&criu->plan, operations, sizeof(operations) / sizeof(operations[0]), criu) < 0;
	close(fd);
	if (!failed && criu->arguments.count > 0)
		return 0;
	if (!failed)
		errno = EPROTO;
	free_criu_plan(criu);
	return -1;
}

void free_criu_plan(struct criu *criu)
{
	int saved = errno;

	free(criu->arguments.words);
	plan_free(&criu->plan);
	criu->arguments = (struct word_list){NULL, 0};
	criu->plan = (struct plan){NULL, 0, 0};
	criu->inherited_count = criu->mount_point_count = 0;
	criu->root = criu->place = NULL;
	criu->cgroup_namespace = false;
	errno = saved;
}
