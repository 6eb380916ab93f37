/* The order of things. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/gate.h"
#include "../common/kernel.h"
#include "setup.h"

static int prepare(struct setup *setup)
{
	umask(0);
	if (receive_descriptors(setup) < 0 || run_setup_plan(setup) < 0)
		return -1;
	if (install_stdio(setup) < 0 || complete_environment(setup) < 0 || take_credentials(setup) < 0)
		return -1;
	return find_executable(setup);
}

static void execute_payload(struct setup *setup)
{
	/* The hooks too are programs of the image. */
	if (load_filter(setup) < 0 || run_start_hooks(setup) < 0)
		return;
	execve(setup->executable, setup->arguments.words, words_of(&setup->environment));
	setup->field = "process.args[0]";
	setup_fail(setup, "exec %s: %s", setup->executable, errno == ENOEXEC ? "exec format error" : strerror(errno));
}

/* A profile may deny even this, and the C library's _exit would try for ever. */
_Noreturn static void leave(int status)
{
	syscall(SYS_exit_group, status);
	__builtin_trap();
}

_Noreturn static void execute(struct setup *setup, int report)
{
	struct gate_failure failure;

	reset_signals();
	execute_payload(setup);
	failure = describe_failure(setup);
	if (write(report, &failure, sizeof(failure)) < 0)
		leave(EXIT_SETUP_FAILED);
	leave(exit_status_of(failure.error));
}

int run_init(void)
{
	static struct setup setup;
	struct gate_failure failure;
	int report;

	/* In a PID namespace that it shares, no other container's process may trace it or open its descriptors. Exec
	 * gives this up. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return EXIT_SETUP_FAILED;
	/* Whatever liblxc or the monitor left open must not reach the payload. */
	if (lxcri_close_range(GATE_INIT_FD, ~0u, 0) < 0 || fcntl(GATE_FD, F_SETFD, FD_CLOEXEC) < 0)
		return EXIT_SETUP_FAILED;
	if (gate_send(GATE_FD, GATE_HELLO, NULL, 0, NULL, 0) < 0)
		return EXIT_SETUP_FAILED;
	if (prepare(&setup) < 0) {
		failure = describe_failure(&setup);
		gate_send(GATE_FD, GATE_FAILED, &failure, sizeof(failure), NULL, 0);
		return exit_status_of(failure.error);
	}
	if (gate_send(GATE_FD, GATE_READY, NULL, 0, NULL, 0) < 0)
		return EXIT_SETUP_FAILED;
	report = wait_for_start(&setup);
	if (report < 0)
		return EXIT_SETUP_FAILED;
	execute(&setup, report);
}
