#include "libzfs-core.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

static struct libzfs_core library;
static const char *failure;
static char failure_text[256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fail(const char *what)
{
	snprintf(failure_text, sizeof(failure_text), "%s", what ? what : "unknown error");
	failure = failure_text;
}

/* dlsym gives an object pointer where C wants one to a function; POSIX promises that the bits are the same. */
static void look_up(void *handle, const char *name, void *function)
{
	void *symbol = dlsym(handle, name);
	if (!symbol && !failure)
		fail(dlerror());
	memcpy(function, &symbol, sizeof(symbol));
}

static void load(void)
{
	void *pairs = dlopen("libnvpair.so.3", RTLD_NOW);
	void *core = pairs ? dlopen("libzfs_core.so.3", RTLD_NOW) : NULL;
	if (!core) {
		fail(dlerror());
		return;
	}
	look_up(core, "libzfs_core_init", &library.core_init);
	look_up(core, "lzc_clone", &library.clone);
	look_up(core, "lzc_snapshot", &library.snapshot);
	look_up(core, "lzc_channel_program", &library.program);
	look_up(core, "lzc_channel_program_nosync", &library.program_nosync);
	look_up(core, "lzc_rollback_to", &library.rollback_to);
	look_up(core, "lzc_sync", &library.sync);
	look_up(pairs, "nvlist_alloc", &library.list_alloc);
	look_up(pairs, "nvlist_free", &library.list_free);
	look_up(pairs, "nvlist_add_boolean", &library.list_add_boolean);
	look_up(pairs, "nvlist_add_boolean_value", &library.list_add_boolean_value);
	look_up(pairs, "nvlist_add_string", &library.list_add_string);
	look_up(pairs, "nvlist_add_uint64", &library.list_add_uint64);
	look_up(pairs, "nvlist_add_string_array", &library.list_add_strings);
	look_up(pairs, "nvlist_add_nvlist", &library.list_add_list);
	look_up(pairs, "nvlist_print_json", &library.list_print_json);
	if (!failure && library.core_init() != 0)
		fail(errno == ENOENT ? "/dev/zfs is missing: load the kernel module with `modprobe zfs`" : strerror(errno));
}

const struct libzfs_core *libzfs_core_get(const char **why)
{
	pthread_once(&once, load);
	*why = failure;
	return failure ? NULL : &library;
}
