#include "paths.h"
#include "testing/check.h"
#include "testing/descriptors.h"
#include "testing/sandbox.h"

#include <errno.h>
#include <limits.h>

static mode_t mode_of(const char *path)
{
	struct stat st;

	CHECK(lstat(path, &st) == 0);
	return st.st_mode;
}

/* 0, or the errno with which a path cannot be opened; nothing stays open. */
static int result_of(int fd)
{
	int error = fd < 0 ? errno : 0;

	if (fd >= 0) {
		CHECK(is_close_on_exec(fd));
		close(fd);
	}
	return error;
}

static int directories_error(const char *path)
{
	int before = count_descriptors();
	int error = result_of(open_directory(path, 0755));

	CHECK(count_descriptors() == before);
	return error;
}

static int file_error(const char *path)
{
	int before = count_descriptors();
	int error = result_of(open_file(path));

	CHECK(count_descriptors() == before);
	return error;
}

static void missing_directories_are_made(void)
{
	enter_empty_root();
	CHECK(result_of(open_directory("/a/b/c", 0750)) == 0);
	CHECK(mode_of("/a") == (S_IFDIR | 0750) && mode_of("/a/b/c") == (S_IFDIR | 0750));
	/* What is there keeps its mode. */
	CHECK(result_of(open_directory("/a/b/c", 0700)) == 0 && result_of(open_directory("/a/b/d", 0700)) == 0);
	CHECK(mode_of("/a/b") == (S_IFDIR | 0750) && mode_of("/a/b/d") == (S_IFDIR | 0700));
	CHECK(directories_error("/") == 0);
	CHECK(directories_error("//x///y//") == 0 && mode_of("/x/y") == (S_IFDIR | 0755));
	CHECK(directories_error("/x/./y/../z") == 0 && mode_of("/x/z") == (S_IFDIR | 0755));
}

static void what_is_no_directory_is_in_the_way(void)
{
	enter_empty_root();
	write_text("/file", "");
	CHECK(symlink("/file", "/link") == 0);
	CHECK(directories_error("/file") == ENOTDIR);
	CHECK(directories_error("/file/x") == ENOTDIR);
	CHECK(directories_error("/file/x/y") == ENOTDIR);
	CHECK(directories_error("/link") == ENOTDIR);
	CHECK(directories_error("/link/x") == ENOTDIR);
	CHECK(directories_error("/dev/null/x") == ENOTDIR);
	CHECK(file_error("/file/x") == ENOTDIR);
}

static void links_to_directories_are_followed(void)
{
	enter_empty_root();
	CHECK(mkdir("/real", 0755) == 0);
	CHECK(symlink("/real", "/absolute") == 0 && symlink("real", "/relative") == 0);
	CHECK(directories_error("/absolute") == 0 && directories_error("/absolute/a/b") == 0);
	CHECK(directories_error("/relative/c") == 0 && file_error("/relative/f/file") == 0);
	CHECK(mode_of("/real/a/b") == (S_IFDIR | 0755) && mode_of("/real/c") == (S_IFDIR | 0755));
	CHECK(mode_of("/real/f/file") == (S_IFREG | 0644));
	CHECK(S_ISLNK(mode_of("/absolute")));
}

/* Images have /var/run -> /run without a /run, and more of the kind. */
static void links_to_nowhere_get_their_target(void)
{
	enter_empty_root();
	CHECK(mkdir("/var", 0755) == 0 && mkdir("/etc", 0755) == 0);
	CHECK(symlink("/run", "/var/run") == 0);
	CHECK(directories_error("/var/run/secrets/x") == 0);
	CHECK(mode_of("/run/secrets/x") == (S_IFDIR | 0755));
	CHECK(symlink("../srv/deep/er", "/var/relative") == 0);
	CHECK(directories_error("/var/relative") == 0);
	CHECK(mode_of("/srv/deep/er") == (S_IFDIR | 0755));
	/* One after another. */
	CHECK(symlink("two", "/one") == 0 && symlink("/three/four", "/two") == 0);
	CHECK(directories_error("/one/x") == 0);
	CHECK(mode_of("/three/four/x") == (S_IFDIR | 0755));
	/* As systemd leaves it in images. */
	CHECK(symlink("../run/systemd/resolve/stub-resolv.conf", "/etc/resolv.conf") == 0);
	CHECK(file_error("/etc/resolv.conf") == 0);
	CHECK(mode_of("/run/systemd/resolve/stub-resolv.conf") == (S_IFREG | 0644));
	CHECK(file_error("/etc/resolv.conf") == 0);
}

static void links_in_a_circle_end(void)
{
	char name[16], target[16];

	enter_empty_root();
	CHECK(symlink("b", "/a") == 0 && symlink("a", "/b") == 0);
	CHECK(directories_error("/a") == ELOOP && directories_error("/a/x") == ELOOP);
	CHECK(file_error("/a") == ELOOP && file_error("/a/x") == ELOOP);
	/* A way that goes on and on through links to nowhere. */
	CHECK(symlink("self/x", "/self") == 0);
	CHECK(directories_error("/self") == ELOOP);
	CHECK(file_error("/self") == ELOOP);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "/l%d", i);
		snprintf(target, sizeof(target), "l%d", i + 1);
		CHECK(symlink(target, name) == 0);
	}
	CHECK(directories_error("/l0") == ELOOP);
	CHECK(file_error("/l0") == ELOOP);
	CHECK(directories_error("/l90") == 0);
	CHECK(S_ISDIR(mode_of("/l100")));
}

static void files_are_made_where_nothing_is(void)
{
	enter_empty_root();
	CHECK(file_error("/a/b/file") == 0);
	CHECK(mode_of("/a/b") == (S_IFDIR | 0755) && mode_of("/a/b/file") == (S_IFREG | 0644));
	write_text("/a/text", "text");
	CHECK(chmod("/a/text", 0400) == 0);
	CHECK(file_error("/a/text") == 0);
	CHECK(mode_of("/a/text") == (S_IFREG | 0400));
	CHECK_TEXT(read_text("/a/text"), "text");
	CHECK(file_error("/dev/null") == 0);
	CHECK(mkfifo("/fifo", 0600) == 0 && file_error("/fifo") == 0);
	CHECK(file_error("/a") == EISDIR);
	CHECK(file_error("/") == EISDIR);
}

/* What is opened is what the path names, and a mount can be moved onto it. */
static void the_descriptor_is_that_of_the_path(void)
{
	struct stat opened, named;
	const char *name;
	int fd;

	enter_empty_root();
	fd = open_directory("/a/b", 0755);
	CHECK(fstat(fd, &opened) == 0 && stat("/a/b", &named) == 0 && opened.st_ino == named.st_ino);
	close(fd);
	fd = open_file("/a/file");
	CHECK(fstat(fd, &opened) == 0 && stat("/a/file", &named) == 0 && opened.st_ino == named.st_ino);
	close(fd);
	fd = open_parent("/a/c/node", &name);
	CHECK(fstat(fd, &opened) == 0 && stat("/a/c", &named) == 0 && opened.st_ino == named.st_ino);
	CHECK_TEXT(name, "node");
	close(fd);
	fd = open_parent("/node", &name);
	CHECK(fstat(fd, &opened) == 0 && stat("/", &named) == 0 && opened.st_ino == named.st_ino);
	CHECK_TEXT(name, "node");
	close(fd);
	CHECK(open_parent("node", &name) < 0 && errno == EINVAL);
	CHECK(open_parent("/dev/null/x", &name) < 0 && errno == ENOTDIR);
}

/* Links of /proc lead out of the container: to whatever a process has open, or has as its root. */
static void magic_links_are_not_followed(void)
{
	enter_empty_root();
	CHECK(symlink("/proc/self/root/new", "/root") == 0);
	CHECK(symlink("/proc/self/fd/0", "/stdin") == 0);
	CHECK(symlink("/proc/self/cwd", "/cwd") == 0);
	CHECK(directories_error("/proc/self/root/new") == ELOOP);
	CHECK(directories_error("/root") == ELOOP && directories_error("/root/x") == ELOOP);
	CHECK(file_error("/root") == ELOOP && file_error("/stdin") == ELOOP);
	CHECK(directories_error("/cwd/x") == ELOOP);
	CHECK(open_inside("/cwd", O_PATH) < 0 && errno == ELOOP);
	CHECK_HOLDS(path_error(ELOOP), "out of the container");
	CHECK_TEXT(path_error(ENOENT), strerror(ENOENT));
	CHECK(access("/new", F_OK) < 0);
}

static void what_is_there_needs_no_write(void)
{
	enter_empty_root();
	CHECK(directories_error("/ro/directory") == 0 && file_error("/ro/file") == 0);
	CHECK(symlink("nowhere", "/ro/link") == 0);
	CHECK(mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	CHECK(directories_error("/ro/directory") == 0);
	CHECK(file_error("/ro/file") == 0);
	CHECK(directories_error("/ro/other") == EROFS);
	CHECK(file_error("/ro/other") == EROFS);
	CHECK(directories_error("/ro/link") == EROFS);
}

static void paths_that_cannot_be_are_refused(void)
{
	static char path[2 * PATH_MAX];

	enter_empty_root();
	CHECK(directories_error("") == ENOENT);
	CHECK(file_error("") == ENOENT);
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	CHECK(directories_error(path) == ENAMETOOLONG);
	CHECK(file_error(path) == ENAMETOOLONG);
	/* Many short names that are too much together, and one that is too long alone. */
	for (size_t i = 0; i < sizeof(path) - 1; i += 2)
		path[i] = '/';
	CHECK(directories_error(path) == ENAMETOOLONG);
	path[PATH_MAX - 1] = '\0';
	CHECK(directories_error(path) == 0);
	memset(path + 1, 'x', 300);
	path[301] = '\0';
	CHECK(directories_error(path) == ENAMETOOLONG);
}

static const struct check_test tests[] = {
	{TEST(missing_directories_are_made)},
	{TEST(what_is_no_directory_is_in_the_way)},
	{TEST(links_to_directories_are_followed)},
	{TEST(links_to_nowhere_get_their_target)},
	{TEST(links_in_a_circle_end)},
	{TEST(files_are_made_where_nothing_is)},
	{TEST(the_descriptor_is_that_of_the_path)},
	{TEST(magic_links_are_not_followed)},
	{TEST(what_is_there_needs_no_write)},
	{TEST(paths_that_cannot_be_are_refused)},
};

CHECK_MAIN_IN_CHILDREN(tests)
