/* Profiles as the kernel understands them: each is compiled and loaded by a child, which then calls. */
#include "filter.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A plan as a text in which each word ends with a bar. */
static int plan_file(const char *text)
{
	char *copy = strdup(text);
	size_t size = strlen(text);
	int fd;

	CHECK(copy);
	for (size_t i = 0; i < size; i++)
		if (copy[i] == '|')
			copy[i] = '\0';
	fd = file_with(copy, size);
	free(copy);
	return fd;
}

static const char *compile(const char *text, char *program, size_t room)
{
	static struct filter filter;
	int plan = plan_file(text), output = memfd_create("program", MFD_CLOEXEC);
	ssize_t size;
	int failed;

	filter = (struct filter){0};
	failed = read_profile(&filter, plan) < 0 || write_program(&filter, output) < 0;
	seccomp_release(filter.context);
	CHECK(lseek(output, 0, SEEK_SET) == 0);
	size = read(output, program, room - 1);
	CHECK(size >= 0 && (size_t)size < room - 1 && (failed || size > 0));
	program[size] = '\0';
	close(plan);
	close(output);
	return failed ? filter.failure : NULL;
}

static void load(const char *text)
{
	static char program[1 << 20];
	static struct sock_filter code[BPF_MAXINSNS];
	struct sock_fprog loaded = {0, code};
	size_t size;

	CHECK(!compile(text, program, sizeof(program)));
	size = strlen(program) / 2;
	CHECK(size % sizeof(code[0]) == 0 && size / sizeof(code[0]) < BPF_MAXINSNS);
	loaded.len = (unsigned short)(size / sizeof(code[0]));
	for (size_t i = 0; i < size; i++) {
		unsigned int byte;

		CHECK(sscanf(program + 2 * i, "%2x", &byte) == 1);
		((unsigned char *)code)[i] = (unsigned char)byte;
	}
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &loaded) == 0);
}

#define LIST "default|SCMP_ACT_ALLOW|1|"
static void a_rule_answers_with_its_errno(void)
{
	load(LIST "rule|SCMP_ACT_ERRNO|13|syscall|getppid|syscall|no-such-call|rule|SCMP_ACT_ALLOW|1|syscall|getuid|");
	CHECK(syscall(SYS_getppid) < 0 && errno == EACCES);
	CHECK(syscall(SYS_getuid) >= 0);
	/* Where the default lets pass, a newer system call is the kernel's. */
	CHECK(syscall(5000) < 0 && errno == ENOSYS);
}

static void conditions_on_different_arguments_must_all_hold(void)
{
	load(LIST "rule|SCMP_ACT_ERRNO|13|argument|0|SCMP_CMP_EQ|7|0|argument|1|SCMP_CMP_GT|5|0|syscall|kill|");
	CHECK(syscall(SYS_kill, 7, 6) < 0 && errno == EACCES);
	CHECK(syscall(SYS_kill, 7, 5) == 0 || errno != EACCES);
	CHECK(syscall(SYS_kill, 1 << 29, 6) < 0 && errno == ESRCH);
}

static void of_conditions_on_one_argument_any_does(void)
{
	load(LIST
		 "rule|SCMP_ACT_ERRNO|13|argument|0|SCMP_CMP_EQ|536870912|0|argument|0|SCMP_CMP_EQ|536870913|0|syscall|kill|");
	CHECK(syscall(SYS_kill, 536870912, 0) < 0 && errno == EACCES);
	CHECK(syscall(SYS_kill, 536870913, 0) < 0 && errno == EACCES);
	CHECK(syscall(SYS_kill, 536870914, 0) < 0 && errno == ESRCH);
}

/* `value` is the mask, `valueTwo` what is left of the argument: as Docker's profile has it for clone. */
static void a_masked_comparison(void)
{
	load(LIST "rule|SCMP_ACT_ERRNO|13|argument|0|SCMP_CMP_MASKED_EQ|1610612736|536870912|syscall|kill|");
	CHECK(syscall(SYS_kill, 536870912 + 5, 0) < 0 && errno == EACCES);
	CHECK(syscall(SYS_kill, 1 << 28, 0) < 0 && errno == ESRCH);
}

#define BASICS "syscall|exit_group|syscall|write|syscall|kill|syscall|rt_sigreturn|syscall|madvise|syscall|munmap|"
static void what_is_newer_than_the_profile_is_not_there(void)
{
	load("default|SCMP_ACT_ERRNO|1|rule|SCMP_ACT_ALLOW|1|" BASICS
		 "syscall|openat2|rule|SCMP_ACT_ALLOW|1|syscall|getuid|");
	CHECK(syscall(SYS_getuid) >= 0);
	CHECK(syscall(SYS_getppid) < 0 && errno == EPERM);
	CHECK(syscall(SYS_openat2 + 1) < 0 && errno == ENOSYS);
	CHECK(syscall(5000) < 0 && errno == ENOSYS);
	/* A sanitizer would do more than the profile allows before it ends. */
	syscall(SYS_exit_group, 0);
}

static void a_signal_may_end_it(void)
{
	pid_t child = fork();

	if (child == 0) {
		load(LIST "rule|SCMP_ACT_KILL_PROCESS|1|syscall|getppid|");
		syscall(SYS_getppid);
		_exit(0);
	}
	CHECK(status_of(child) == 128 + SIGSYS);
}

static void architectures_beside_the_hosts(void)
{
	load(LIST "architecture|x86|architecture|x32|architecture|x86_64|rule|SCMP_ACT_ERRNO|13|syscall|getppid|");
	CHECK(syscall(SYS_getppid) < 0 && errno == EACCES);
}

static void what_is_wrong_is_named(void)
{
	static const struct {
		const char *plan, *failure;
	} cases[] = {
		{"field|linux.seccomp|", "linux.seccomp: there is no default action: Invalid argument"},
		{"field|linux.seccomp.defaultAction|default|SCMP_ACT_FLY|1|",
		 "linux.seccomp.defaultAction: SCMP_ACT_FLY: Invalid argument"},
		{LIST "field|linux.seccomp.architectures[0]|architecture|vax|",
		 "linux.seccomp.architectures[0]: vax: Invalid argument"},
		{LIST "rule|SCMP_ACT_KILL|1|argument|0|SCMP_CMP_XX|1|1|", "linux.seccomp: SCMP_CMP_XX: Invalid argument"},
		{"hello|", "linux.seccomp: cannot carry out the plan: Protocol error"},
	};
	char program[4096];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *failure = compile(cases[i].plan, program, sizeof(program));

		CHECK(failure);
		CHECK_TEXT(failure, cases[i].failure);
		CHECK_TEXT(program, "");
	}
}

static const struct check_test tests[] = {
	{TEST(a_rule_answers_with_its_errno)},
	{TEST(conditions_on_different_arguments_must_all_hold)},
	{TEST(of_conditions_on_one_argument_any_does)},
	{TEST(a_masked_comparison)},
	{TEST(what_is_newer_than_the_profile_is_not_there)},
	{TEST(a_signal_may_end_it)},
	{TEST(architectures_beside_the_hosts)},
	{TEST(what_is_wrong_is_named)},
};

CHECK_MAIN_IN_CHILDREN(tests)
