#include "paths.h"
#include "testing/check.h"

static struct paths paths;
static struct failure failure;

static void names_every_file(void)
{
	CHECK(paths_init(&paths, NULL, "0.1.0-1a2b", &failure) == 0);
	CHECK_TEXT(paths.run_dir, "/run/proxmox-lxcri");
	CHECK_TEXT(paths.daemon_dir, "/run/proxmox-lxcri/daemon");
	CHECK_TEXT(paths.containers_dir, "/run/proxmox-lxcri/containers");
	CHECK_TEXT(paths.socket, "/run/proxmox-lxcri/daemon/0.1.0-1a2b.sock");
	CHECK_TEXT(paths.socket_new, "/run/proxmox-lxcri/daemon/0.1.0-1a2b.new");
	CHECK_TEXT(paths.leaving, "/run/proxmox-lxcri/daemon/0.1.0-1a2b.leaving");
	CHECK_TEXT(paths.lock, "/run/proxmox-lxcri/daemon/0.1.0-1a2b.lock");
	CHECK_TEXT(paths.log, "/run/proxmox-lxcri/daemon/shim.log");
	CHECK_TEXT(paths.log_old, "/run/proxmox-lxcri/daemon/shim.log.1");
}

static void takes_the_run_dir_from_outside(void)
{
	CHECK(paths_init(&paths, "", "b", &failure) == 0);
	CHECK_TEXT(paths.run_dir, DEFAULT_RUN_DIR);
	CHECK(paths_init(&paths, "/tmp/x//", "b", &failure) == 0);
	CHECK_TEXT(paths.socket, "/tmp/x/daemon/b.sock");
	CHECK(paths_init(&paths, "relative/x", "b", &failure) == -1);
	CHECK_HOLDS(failure.text, "LXCRI_RUN_DIR");
}

static void refuses_what_no_socket_can_have(void)
{
	char run_dir[2 * PATH_MAX] = "/";
	const size_t fixed = strlen("/daemon/b.sock");
	memset(run_dir + 1, 'x', SOCKET_PATH_MAX - fixed - 1);
	CHECK(paths_init(&paths, run_dir, "b", &failure) == 0);
	CHECK(strlen(paths.socket) == SOCKET_PATH_MAX);
	strcat(run_dir, "x");
	CHECK(paths_init(&paths, run_dir, "b", &failure) == -1);
	CHECK_HOLDS(failure.text, "LXCRI_RUN_DIR");
	for (size_t length = PATH_MAX - 20; length < PATH_MAX + 20; length++) {
		memset(run_dir + 1, 'x', length);
		run_dir[length + 1] = '\0';
		CHECK(paths_init(&paths, run_dir, "b", &failure) == -1);
		CHECK_HOLDS(failure.text, "LXCRI_RUN_DIR");
	}
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
	{TEST(finds_the_library_beside_the_program)},
};

CHECK_MAIN(tests)
