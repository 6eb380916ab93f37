#include "daemon-environment.h"
#include "testing/check.h"

static struct daemon_environment environment;
static struct paths paths;
static struct failure failure;

static int init(char *const inherited[])
{
	CHECK(paths_init(&paths, "/run/test", &failure) == 0);
	CHECK(paths_set_lib_dir(&paths, "/usr/bin/shim", &failure) == 0);
	return daemon_environment_init(&environment, inherited, &paths, "b1", &failure);
}

static const char *value(const char *name)
{
	return environment_value(environment.variables, name);
}

static void passes_on_only_what_concerns_the_daemon(void)
{
	char *const inherited[] = {
		"PATH=/bin",
		"HOME=/root",
		"LANG=C.UTF-8",
		"LXCRI_LOG=debug",
		"NOTIFY_SOCKET=/run/n",
		"TTRPC_ADDRESS=/t",
		"GRPC_ADDRESS=",
		"NODE_OPTIONS=--foo",
		"GOMAXPROCS=2",
		"LD_PRELOAD=/x.so",
		"PATHS=/no",
		"LXCRI",
		"NAMESPACE=default",
		NULL};
	CHECK(init(inherited) == 0);
	CHECK_TEXT(value("PATH"), "/bin");
	CHECK_TEXT(value("HOME"), "/root");
	CHECK_TEXT(value("LANG"), "C.UTF-8");
	CHECK_TEXT(value("LXCRI_LOG"), "debug");
	CHECK_TEXT(value("LXCRI_BUILD"), "b1");
	CHECK_TEXT(value("LXCRI_RUN_DIR"), "/run/test");
	CHECK_TEXT(value("LXCRI_LIB_DIR"), "/usr/lib/proxmox-lxcri");
	CHECK(environment.count == 7);
	CHECK(environment.variables[7] == NULL);
}

static void does_not_take_its_own_variables_from_outside(void)
{
	char *const inherited[] = {
		"LXCRI_BUILD=other", "LXCRI_RUN_DIR=relative", "LXCRI_LIB_DIR=/evil", "LXCRI_KEEPER=/evil", NULL};
	CHECK(init(inherited) == 0);
	CHECK_TEXT(value("LXCRI_BUILD"), "b1");
	CHECK_TEXT(value("LXCRI_RUN_DIR"), "/run/test");
	CHECK_TEXT(value("LXCRI_LIB_DIR"), "/usr/lib/proxmox-lxcri");
	CHECK(value("LXCRI_KEEPER") == NULL);
}

static void always_has_a_path(void)
{
	char *const inherited[] = {NULL};
	CHECK(init(inherited) == 0);
	CHECK_HOLDS(value("PATH"), "/usr/bin");
}

static void refuses_more_than_it_can_hold(void)
{
	static char text[DAEMON_ENVIRONMENT_MAX + 1][32];
	static char *inherited[DAEMON_ENVIRONMENT_MAX + 2];
	for (int i = 0; i < DAEMON_ENVIRONMENT_MAX; i++) {
		snprintf(text[i], sizeof text[i], "LXCRI_X%d=1", i);
		inherited[i] = text[i];
	}
	CHECK(init(inherited) == -1);
	CHECK_HOLDS(failure.text, "LXCRI_");

	static char huge[5 * PATH_MAX];
	memset(huge, 'x', sizeof huge - 1);
	char *const none[] = {NULL};
	CHECK(init(none) == 0);
	CHECK(daemon_environment_add(&environment, "LXCRI_HUGE", huge, &failure) == -1);
	CHECK_HOLDS(failure.text, "LXCRI_HUGE");
}

static const struct check_test tests[] = {
	{TEST(passes_on_only_what_concerns_the_daemon)},
	{TEST(does_not_take_its_own_variables_from_outside)},
	{TEST(always_has_a_path)},
	{TEST(refuses_more_than_it_can_hold)},
};

CHECK_MAIN(tests)
