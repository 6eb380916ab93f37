#include "setup.h"
#include "testing/check.h"
#include "testing/sandbox.h"

#include <errno.h>

static char *environment[4];
static struct setup setup;

/* Looks NAME up with these variables. Returns errno, 0 when it was found. */
static int find(const char *name, const char *one, const char *other)
{
	static char *arguments[2];
	static char words[3][512];

	strcpy(words[0], name);
	strcpy(words[1], one ? one : "");
	strcpy(words[2], other ? other : "");
	arguments[0] = words[0];
	environment[0] = words[1];
	environment[1] = words[2];
	setup = (struct setup){.arguments = {arguments, 1}, .environment = {environment, 0}};
	setup.environment.count = (one ? 1 : 0) + (other ? 1 : 0);
	return find_executable(&setup) == 0 ? 0 : errno;
}

static void refused(int error, const char *text)
{
	struct gate_failure failure;

	errno = error;
	failure = describe_failure(&setup);
	CHECK(failure.error == error);
	CHECK_TEXT(failure.text, text);
}

static void make_files(void)
{
	enter_empty_root();
	CHECK(mkdir("/bin", 0755) == 0 && mkdir("/sbin", 0755) == 0 && mkdir("/bin/directory", 0755) == 0);
	CHECK(mkdir("/closed", 0700) == 0 && mkdir("/noexec", 0755) == 0);
	write_text("/bin/program", "#!");
	write_text("/sbin/program", "#!");
	write_text("/bin/data", "data");
	write_text("/sbin/data", "#!");
	write_text("/bin/owner", "#!");
	write_text("/closed/program", "#!");
	CHECK(chmod("/bin/program", 0755) == 0 && chmod("/sbin/program", 0755) == 0 && chmod("/sbin/data", 0755) == 0);
	CHECK(chmod("/bin/owner", 0700) == 0 && chmod("/closed/program", 0755) == 0);
	CHECK(symlink("program", "/bin/link") == 0 && symlink("nowhere", "/bin/dangling") == 0);
	CHECK(symlink("loop", "/bin/loop") == 0);
}

static void a_path_is_taken_as_it_is(void)
{
	make_files();
	CHECK(find("/bin/program", "PATH=/sbin", NULL) == 0);
	CHECK_TEXT(setup.executable, "/bin/program");
	CHECK(find("/bin/link", NULL, NULL) == 0);
	CHECK_TEXT(setup.executable, "/bin/link");
	CHECK(chdir("/bin") == 0);
	CHECK(find("./program", NULL, NULL) == 0);
	CHECK_TEXT(setup.executable, "./program");
	CHECK(chdir("/") == 0);
	CHECK(find("bin/program", NULL, NULL) == 0);
}

/* The texts are Go's: Docker tells 126 from 127 by them. */
static void a_path_that_cannot_be_executed_says_why(void)
{
	make_files();
	CHECK(find("/bin/absent", NULL, NULL) == ENOENT);
	refused(ENOENT, "exec: \"/bin/absent\": stat /bin/absent: no such file or directory");
	CHECK(find("/bin/dangling", NULL, NULL) == ENOENT);
	refused(ENOENT, "exec: \"/bin/dangling\": stat /bin/dangling: no such file or directory");
	CHECK(find("/bin/program/x", NULL, NULL) == ENOTDIR);
	refused(ENOTDIR, "exec: \"/bin/program/x\": stat /bin/program/x: not a directory");
	CHECK(find("/bin/directory", NULL, NULL) == EISDIR);
	refused(EISDIR, "exec: \"/bin/directory\": is a directory");
	CHECK(find("/bin/data", NULL, NULL) == EACCES);
	refused(EACCES, "exec: \"/bin/data\": permission denied");
	CHECK(find("/bin/loop", NULL, NULL) == ELOOP);
	CHECK_HOLDS(setup.failure, "exec: \"/bin/loop\": stat /bin/loop: ");
}

static void a_name_is_found_in_the_first_directory_that_has_it(void)
{
	make_files();
	CHECK(find("program", "PATH=/sbin:/bin", NULL) == 0);
	CHECK_TEXT(setup.executable, "/sbin/program");
	CHECK(find("program", "PATH=/bin:/sbin", NULL) == 0);
	CHECK_TEXT(setup.executable, "/bin/program");
	/* What cannot be executed is no find. */
	CHECK(find("data", "PATH=/bin:/sbin", NULL) == 0);
	CHECK_TEXT(setup.executable, "/sbin/data");
	CHECK(find("program", "PATH=/absent:/bin/program:/sbin", NULL) == 0);
	CHECK_TEXT(setup.executable, "/sbin/program");
	/* Of two variables the last counts, as everywhere. */
	CHECK(find("program", "PATH=/sbin", "PATH=/bin") == 0);
	CHECK_TEXT(setup.executable, "/bin/program");
	CHECK(find("program", "PATHS=/absent", "PATH=/bin") == 0);
}

static void an_empty_element_is_the_working_directory(void)
{
	make_files();
	CHECK(chdir("/bin") == 0);
	CHECK(find("program", "PATH=:/sbin", NULL) == 0);
	CHECK_TEXT(setup.executable, "./program");
	CHECK(find("program", "PATH=/absent:", NULL) == 0);
	CHECK_TEXT(setup.executable, "./program");
	CHECK(find("program", "PATH=/absent::/sbin", NULL) == 0);
	CHECK_TEXT(setup.executable, "./program");
}

/* Go's LookPath says the same of a file without the execute bit, a directory, and nothing at all. */
static void a_name_that_is_nowhere_is_not_found(void)
{
	static const char *const names[] = {"absent", "", "directory", "dangling", "loop"};
	static const char *const paths[] = {"PATH=/bin:/absent", "PATH=", "PATH=/bin/program", NULL};

	make_files();
	CHECK(chdir("/bin") == 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), "exec: \"%s\": executable file not found in $PATH", names[i]);
		for (size_t j = 0; j < sizeof(paths) / sizeof(paths[0]); j++) {
			CHECK(find(names[i], paths[j], NULL) == ENOENT);
			refused(ENOENT, text);
		}
	}
	CHECK(find("data", "PATH=/bin", NULL) == ENOENT);
	refused(ENOENT, "exec: \"data\": executable file not found in $PATH");
	/* An empty PATH is no directory, not even the current one. */
	CHECK(find("program", "PATH=", NULL) == ENOENT);
	CHECK(find("program", NULL, NULL) == ENOENT);
}

static void the_containers_user_decides(void)
{
	make_files();
	CHECK(setgid(1000) == 0 && setuid(1000) == 0);
	CHECK(find("/bin/program", NULL, NULL) == 0);
	CHECK(find("/bin/owner", NULL, NULL) == EACCES);
	refused(EACCES, "exec: \"/bin/owner\": permission denied");
	CHECK(find("/closed/program", NULL, NULL) == EACCES);
	refused(EACCES, "exec: \"/closed/program\": stat /closed/program: permission denied");
	CHECK(find("program", "PATH=/closed:/sbin", NULL) == 0);
	CHECK_TEXT(setup.executable, "/sbin/program");
}

static void a_mount_may_forbid_execution(void)
{
	make_files();
	CHECK(mount("tmpfs", "/noexec", "tmpfs", MS_NOEXEC, NULL) == 0);
	write_text("/noexec/program", "#!");
	CHECK(chmod("/noexec/program", 0755) == 0);
	CHECK(find("/noexec/program", NULL, NULL) == EACCES);
	refused(EACCES, "exec: \"/noexec/program\": permission denied");
}

static void what_is_too_long_is_no_overflow(void)
{
	static char name[5000], path[6000];
	char *arguments[] = {name, NULL}, *variables[] = {path, NULL};

	memset(name, 'x', sizeof(name) - 1);
	setup = (struct setup){.arguments = {arguments, 1}, .environment = {variables, 1}};
	strcpy(path, "PATH=/bin:/sbin");
	CHECK(find_executable(&setup) < 0 && errno == ENOENT);
	CHECK_HOLDS(setup.failure, "exec: \"xxx");
	name[0] = '/';
	CHECK(find_executable(&setup) < 0 && errno == ENAMETOOLONG);
	/* A directory that is too long is passed over. */
	memset(path + 5, 'd', sizeof(path) - 6);
	memcpy(path + sizeof(path) - 11, ":/bin", 6);
	strcpy(name, "sh");
	CHECK(find_executable(&setup) == 0);
	CHECK_TEXT(setup.executable, "/bin/sh");
}

static const struct check_test tests[] = {
	{TEST(a_path_is_taken_as_it_is)},
	{TEST(a_path_that_cannot_be_executed_says_why)},
	{TEST(a_name_is_found_in_the_first_directory_that_has_it)},
	{TEST(an_empty_element_is_the_working_directory)},
	{TEST(a_name_that_is_nowhere_is_not_found)},
	{TEST(the_containers_user_decides)},
	{TEST(a_mount_may_forbid_execution)},
	{TEST(what_is_too_long_is_no_overflow)},
};

CHECK_MAIN_IN_CHILDREN(tests)
