/*
 * System calls and constants that the C libraries of Debian 12 do not declare, taken from the kernel's uapi headers.
 * They are spelled out here, because musl's wrapper has no kernel headers in its path.
 */
#ifndef LXCRI_KERNEL_H
#define LXCRI_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The generic table: the numbers are the same on every architecture since Linux 5.1. */
#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

#define LXCRI_OPEN_TREE_CLONE 1u
#define LXCRI_AT_RECURSIVE 0x8000u
#define LXCRI_MOVE_MOUNT_F_EMPTY_PATH 0x4u
#define LXCRI_MOVE_MOUNT_T_EMPTY_PATH 0x40u
#define LXCRI_CLOSE_RANGE_CLOEXEC 4u
#define LXCRI_RESOLVE_NO_XDEV 0x01u
#define LXCRI_RESOLVE_NO_MAGICLINKS 0x02u
#define LXCRI_RESOLVE_NO_SYMLINKS 0x04u
#define LXCRI_RESOLVE_BENEATH 0x08u

struct lxcri_mount_attr {
	uint64_t attr_set;
	uint64_t attr_clr;
	uint64_t propagation;
	uint64_t userns_fd;
};

/* struct sock_filter and struct sock_fprog of linux/filter.h */
struct lxcri_instruction {
	uint16_t code;
	uint8_t jump_true, jump_false;
	uint32_t value;
};

struct lxcri_program {
	unsigned short length;
	const struct lxcri_instruction *instructions;
};

struct lxcri_open_how {
	uint64_t flags;
	uint64_t mode;
	uint64_t resolve;
};

/* linux/stat.h, struct statx; its times and what else nobody asks for are left out. */
struct lxcri_statx {
	uint32_t mask, block_size;
	uint64_t attributes;
	uint32_t links, uid, gid;
	uint16_t mode, spare;
	uint64_t inode, size, blocks, attributes_mask, times[8];
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mount_id, rest[13];
};

_Static_assert(sizeof(struct lxcri_statx) == 256, "the kernel's struct statx");

#define LXCRI_STATX_BASIC_AND_MOUNT 0x17ffu

static inline int lxcri_statx(int fd, struct lxcri_statx *st)
{
	return (int)syscall(SYS_statx, fd, "", 0x1000 /* AT_EMPTY_PATH */, LXCRI_STATX_BASIC_AND_MOUNT, st);
}

static inline int lxcri_openat2(int dirfd, const char *path, const struct lxcri_open_how *how)
{
	return (int)syscall(SYS_openat2, dirfd, path, how, sizeof(*how));
}

static inline int lxcri_open_tree(int dirfd, const char *path, unsigned int flags)
{
	return (int)syscall(SYS_open_tree, dirfd, path, flags);
}

static inline int lxcri_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned int flags)
{
	return (int)syscall(SYS_move_mount, from, from_path, to, to_path, flags);
}

static inline int lxcri_mount_setattr(int dirfd, const char *path, unsigned int flags, struct lxcri_mount_attr *attr)
{
	return (int)syscall(SYS_mount_setattr, dirfd, path, flags, attr, sizeof(*attr));
}

static inline int lxcri_pidfd_open(int pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0u);
}

static inline int lxcri_pidfd_send_signal(int pidfd, int signal)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0u);
}

static inline int lxcri_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
	return (int)syscall(SYS_close_range, first, last, flags);
}

#endif
