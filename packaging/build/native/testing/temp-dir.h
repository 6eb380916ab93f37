/* A directory of its own for a test, which is the working directory while the test runs. */
#ifndef LXCRI_TESTING_TEMP_DIR_H
#define LXCRI_TESTING_TEMP_DIR_H

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "check.h"

static char temp_dir[64];

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *place)
{
	(void)st;
	(void)type;
	(void)place;
	return remove(path);
}

static inline void leave_temp_dir(void)
{
	check_clean_up = NULL;
	CHECK(chdir("/") == 0);
	CHECK(nftw(temp_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0);
}

/** A test that does not leave it by itself leaves it at its end. */
static inline void enter_temp_dir(void)
{
	strcpy(temp_dir, "/tmp/lxcri-test-XXXXXX");
	CHECK(mkdtemp(temp_dir));
	CHECK(chdir(temp_dir) == 0);
	check_clean_up = leave_temp_dir;
}

#endif
