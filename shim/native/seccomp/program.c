/*
 * The program that libseccomp makes, behind a few instructions of ours: a system call that is newer than all that the
 * profile names is answered with ENOSYS rather than by the default action. The C library takes that for an older
 * kernel, and does without; EPERM it believes. (runc does the same: libcontainer/seccomp/patchbpf.)
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filter.h"

/* Numbers from here on are those of x32, which has its own highest; they are left to libseccomp's program. */
#define X32_BIT 0x40000000u
#define BLOCK 6
#define MAX_PREFIX (1 + BLOCK * FILTER_MAX_ARCHITECTURES)

struct prefix {
	struct sock_filter code[MAX_PREFIX];
	size_t length;
};

static void emit(struct prefix *prefix, uint16_t code, uint8_t jump_true, uint8_t jump_false, uint32_t value)
{
	prefix->code[prefix->length++] = (struct sock_filter){code, jump_true, jump_false, value};
}

static uint32_t load_offset(bool architecture)
{
	return architecture ? (uint32_t)offsetof(struct seccomp_data, arch) : (uint32_t)offsetof(struct seccomp_data, nr);
}

/* To the end of the prefix, of which `blocks` more follow. */
static uint32_t jump_over(size_t blocks)
{
	return (uint32_t)(BLOCK * blocks);
}

static void emit_block(struct prefix *prefix, const struct architecture *architecture, size_t blocks_left)
{
	emit(prefix, BPF_JMP | BPF_JEQ | BPF_K, 0, BLOCK - 1, architecture->token);
	emit(prefix, BPF_LD | BPF_W | BPF_ABS, 0, 0, load_offset(false));
	emit(prefix, BPF_JMP | BPF_JGE | BPF_K, 2, 0, X32_BIT);
	emit(prefix, BPF_JMP | BPF_JGT | BPF_K, 0, 1, (uint32_t)architecture->highest);
	emit(prefix, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
	emit(prefix, BPF_JMP | BPF_JA, 0, 0, jump_over(blocks_left));
}

static bool lets_pass(uint32_t action)
{
	return action == SCMP_ACT_ALLOW || action == SCMP_ACT_LOG;
}

static bool is_counted(const struct architecture *architecture)
{
	return architecture->highest >= 0 && architecture->token != SCMP_ARCH_X32;
}

static void make_prefix(const struct filter *filter, struct prefix *prefix)
{
	size_t left = 0;

	if (lets_pass(filter->default_action))
		return;
	for (size_t i = 0; i < filter->architecture_count; i++)
		left += is_counted(&filter->architectures[i]);
	if (left == 0)
		return;
	emit(prefix, BPF_LD | BPF_W | BPF_ABS, 0, 0, load_offset(true));
	for (size_t i = 0; i < filter->architecture_count; i++)
		if (is_counted(&filter->architectures[i]))
			emit_block(prefix, &filter->architectures[i], --left);
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, data, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		data += written;
		size -= (size_t)written;
	}
	return 0;
}

static int write_hexadecimal(int fd, const void *data, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = data;
	char text[8192];

	while (size > 0) {
		size_t part = size < sizeof(text) / 2 ? size : sizeof(text) / 2;

		for (size_t i = 0; i < part; i++) {
			text[2 * i] = digits[bytes[i] >> 4];
			text[2 * i + 1] = digits[bytes[i] & 15];
		}
		if (write_all(fd, text, 2 * part) < 0)
			return -1;
		bytes += part;
		size -= part;
	}
	return 0;
}

static int copy_program(int to, int from)
{
	char buffer[8192];
	ssize_t size;

	if (lseek(from, 0, SEEK_SET) < 0)
		return -1;
	while ((size = read(from, buffer, sizeof(buffer))) > 0)
		if (write_hexadecimal(to, buffer, (size_t)size) < 0)
			return -1;
	return size < 0 ? -1 : 0;
}

/* libseccomp writes to a descriptor; nothing must have been written if it fails. */
int write_program(struct filter *filter, int fd)
{
	static struct prefix prefix;
	int memory = memfd_create("lxcri-seccomp", MFD_CLOEXEC);
	int failed = memory < 0 ? -errno : seccomp_export_bpf(filter->context, memory);

	if (failed)
		return filter_fail(filter, "libseccomp cannot make a program of it", failed);
	make_prefix(filter, &prefix);
	if (write_hexadecimal(fd, prefix.code, prefix.length * sizeof(prefix.code[0])) < 0 || copy_program(fd, memory) < 0)
		return filter_fail(filter, "cannot write the program", errno);
	return 0;
}
