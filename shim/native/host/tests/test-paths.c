#include "paths.h"
#include "testing/check.h"

#include <stdint.h>

static struct paths paths;
static struct failure failure;

static void names_every_file(void)
{
	CHECK(paths_init(&paths, NULL, &failure) == 0);
	CHECK_TEXT(paths.run_dir, "/run/proxmox-lxcri");
	CHECK_TEXT(paths.daemon_dir, "/run/proxmox-lxcri/daemon");
	CHECK_TEXT(paths.containers_dir, "/run/proxmox-lxcri/containers");
	CHECK_TEXT(paths.sockets_dir, "/run/proxmox-lxcri/sockets");
	CHECK_TEXT(paths.keeper_socket, "/run/proxmox-lxcri/keeper.sock");
	CHECK_TEXT(paths.keeper_lock, "/run/proxmox-lxcri/keeper.lock");
	CHECK_TEXT(paths.keeper_log, "/run/proxmox-lxcri/daemon/keeper.log");
	CHECK_TEXT(paths.keeper_log_old, "/run/proxmox-lxcri/daemon/keeper.log.1");
	CHECK_TEXT(paths.log, "/run/proxmox-lxcri/daemon/shim.log");
	CHECK_TEXT(paths.log_old, "/run/proxmox-lxcri/daemon/shim.log.1");
}

static void takes_the_run_dir_from_outside(void)
{
	CHECK(paths_init(&paths, "", &failure) == 0);
	CHECK_TEXT(paths.run_dir, DEFAULT_RUN_DIR);
	CHECK(paths_init(&paths, "/tmp/x//", &failure) == 0);
	CHECK_TEXT(paths.keeper_socket, "/tmp/x/keeper.sock");
	CHECK(paths_init(&paths, "relative/x", &failure) == -1);
	CHECK_HOLDS(failure.text, "LXCRI_RUN_DIR");
}

static void refuses_what_no_socket_can_have(void)
{
	char run_dir[2 * PATH_MAX] = "/";
	const size_t fixed = strlen("/daemon/relay.4294967295");
	memset(run_dir + 1, 'x', SOCKET_PATH_MAX - fixed - 1);
	CHECK(paths_init(&paths, run_dir, &failure) == 0);
	char socket[PATH_MAX];
	CHECK(paths_relay_socket(socket, &paths, UINT32_MAX) == 0);
	CHECK(strlen(socket) == SOCKET_PATH_MAX);
	strcat(run_dir, "x");
	CHECK(paths_init(&paths, run_dir, &failure) == -1);
	CHECK_HOLDS(failure.text, "LXCRI_RUN_DIR");
	for (size_t length = PATH_MAX - 20; length < PATH_MAX + 20; length++) {
		memset(run_dir + 1, 'x', length);
		run_dir[length + 1] = '\0';
		CHECK(paths_init(&paths, run_dir, &failure) == -1);
		CHECK_HOLDS(failure.text, "LXCRI_RUN_DIR");
	}
}

static void refuses_a_namespace_that_is_too_long(void)
{
	char path[PATH_MAX];
	char name[128] = "";
	CHECK(paths_init(&paths, "/tmp/x", &failure) == 0);
	CHECK(paths_namespace_socket(path, &paths, "k8s.io", &failure) == 0);
	CHECK_TEXT(path, "/tmp/x/sockets/k8s.io");
	memset(name, 'n', SOCKET_PATH_MAX - strlen("/tmp/x/sockets/"));
	CHECK(paths_namespace_socket(path, &paths, name, &failure) == 0);
	strcat(name, "n");
	CHECK(paths_namespace_socket(path, &paths, name, &failure) == -1);
	CHECK_HOLDS(failure.text, "shorter namespace");
}

static void finds_the_library_beside_the_program(void)
{
	CHECK(paths_set_lib_dir(&paths, "/usr/bin/containerd-shim-lxcri-v1", &failure) == 0);
	CHECK_TEXT(paths.lib_dir, "/usr/lib/proxmox-lxcri");
	CHECK(paths_set_lib_dir(&paths, "/home/a/dist/bin/shim", &failure) == 0);
	CHECK_TEXT(paths.lib_dir, "/home/a/dist/lib/proxmox-lxcri");
	CHECK(paths_set_lib_dir(&paths, "/bin/shim", &failure) == 0);
	CHECK_TEXT(paths.lib_dir, "/lib/proxmox-lxcri");
	CHECK(paths_set_lib_dir(&paths, "/shim", &failure) == 0);
	CHECK_TEXT(paths.lib_dir, "/lib/proxmox-lxcri");
	CHECK(paths_find_lib_dir(&paths, &failure) == 0);
	CHECK(paths.lib_dir[0] == '/');
}

static const struct check_test tests[] = {
	{TEST(names_every_file)},
	{TEST(takes_the_run_dir_from_outside)},
	{TEST(refuses_what_no_socket_can_have)},
	{TEST(refuses_a_namespace_that_is_too_long)},
	{TEST(finds_the_library_beside_the_program)},
};

CHECK_MAIN(tests)
