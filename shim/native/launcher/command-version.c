#include "commands.h"

#include "host/file-io.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int print_text(const char *text, struct failure *failure)
{
	if (write_all(STDOUT_FILENO, text, strlen(text)) != 0)
		return fail_errno(failure, "cannot write to stdout");
	return 0;
}

int command_version(const char *program, struct failure *failure)
{
	char text[512];
	snprintf(text, sizeof text, "%.200s:\n  Version:  %s\n  Revision: %s\n", program, LXCRI_VERSION, LXCRI_REVISION);
	return print_text(text, failure);
}

int command_help(const char *program, struct failure *failure)
{
	static const char help[] =
		"containerd runs this program by itself, as the runtime io.containerd.lxcri.v1, to run\n"
		"OCI images as LXC containers. What a person runs is, for example:\n"
		"\n"
		"  ctr run --rm --runtime io.containerd.lxcri.v1 docker.io/library/busybox:latest hello echo hello\n"
		"  nerdctl run --rm --runtime io.containerd.lxcri.v1 busybox echo hello\n"
		"\n"
		"  %.200s status     what serves the containers: the keeper, and its daemon\n"
		"  %.200s reload     replace the daemon by the installed one; containers notice nothing\n"
		"\n"
		"What containerd runs, in the directory of a container's bundle:\n"
		"\n"
		"  %.200s -namespace default -id hello -address /run/containerd/containerd.sock \\\n"
		"      -publish-binary /usr/bin/containerd start     starts the keeper where none runs, prints its "
		"address\n"
		"  %.200s -namespace default -id hello -bundle . delete\n"
		"                                                    cleans up after a container, prints a DeleteResponse\n"
		"\n"
		"  -v       print the version\n"
		"  -info    print the runtime's features, as a protobuf\n"
		"  -h       print this\n"
		"\n"
		"Environment, of containerd when it starts the first container, as the keeper stays as it began:\n"
		"  LXCRI_RUN_DIR    default /run/proxmox-lxcri; also of status and reload; the log is daemon/shim.log in it\n"
		"  LXCRI_NODE       default /usr/bin/node\n"
		"  LXCRI_LOG_LEVEL  trace, debug, info, warn or error; default info\n"
		"  LXCRI_SLEEP_MS   how long a daemon without requests goes on; default 60000\n"
		"  LXCRI_LINGER_MS  how long one without containers does, and the keeper; default 30000\n";
	char text[sizeof help + 1024];
	snprintf(text, sizeof text, help, program, program, program, program);
	return print_text(text, failure);
}
