/*
 *   lxcri-seccomp <PLAN >PROGRAM
 *
 * Compiles an OCI seccomp profile, written as a plan, to the BPF program that seccomp(2) takes, in hexadecimal.
 * libseccomp knows the numbers of system calls and how to test arguments on each architecture; the init that loads the
 * program is static, and knows nothing of that. The daemon runs this once for each profile that it meets.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "filter.h"

/* A plan is read from a file, from its beginning. */
static int gather(int from)
{
	int file = memfd_create("lxcri-profile", MFD_CLOEXEC);
	char buffer[8192];
	ssize_t size;

	while (file >= 0 && (size = read(from, buffer, sizeof(buffer))) > 0)
		if (write(file, buffer, (size_t)size) != size)
			return -1;
	return file < 0 || lseek(file, 0, SEEK_SET) < 0 ? -1 : file;
}

int main(void)
{
	static struct filter filter;

	if (isatty(STDIN_FILENO)) {
		fprintf(stderr, "usage: lxcri-seccomp <PLAN >PROGRAM (started by the shim daemon)\n");
		return 2;
	}
	if (read_profile(&filter, gather(STDIN_FILENO)) < 0 || write_program(&filter, STDOUT_FILENO) < 0) {
		fprintf(stderr, "%s\n", filter.failure);
		return 1;
	}
	return 0;
}
