/*
 * cgroup v2 has no device files: a BPF program of type CGROUP_DEVICE, attached to the cgroup, decides about each open
 * and mknod (kernel: Documentation/admin-guide/cgroup-v2.rst, Device controller). The daemon makes the program
 * (shim/backends/lxc/device-filter.ts); here it is loaded and attached. It goes with the cgroup.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "monitor.h"

#define MAX_INSTRUCTIONS 4096
#define INSTRUCTION_SIZE 8

/* include/uapi/linux/bpf.h */
#define BPF_PROG_LOAD 5
#define BPF_PROG_ATTACH 8
#define BPF_PROG_TYPE_CGROUP_DEVICE 15
#define BPF_CGROUP_DEVICE 6
#define BPF_F_ALLOW_MULTI 2

/* The parts of union bpf_attr that the two commands use; what is left out is zero. */
struct load_attributes {
	uint32_t program_type;
	uint32_t instruction_count;
	uint64_t instructions;
	uint64_t license;
	uint32_t log_level, log_size;
	uint64_t log_buffer;
};

struct attach_attributes {
	uint32_t target_fd;
	uint32_t program_fd;
	uint32_t attach_type;
	uint32_t flags;
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The number of instructions, or -1. */
static int decode(const char *hex, uint8_t *program)
{
	size_t length = strlen(hex);

	if (length == 0 || length % (2 * INSTRUCTION_SIZE) || length / 2 > MAX_INSTRUCTIONS * INSTRUCTION_SIZE) {
		errno = EPROTO;
		return -1;
	}
	for (size_t i = 0; i < length / 2; i++) {
		int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0) {
			errno = EPROTO;
			return -1;
		}
		program[i] = (uint8_t)(high << 4 | low);
	}
	return (int)(length / 2 / INSTRUCTION_SIZE);
}

static int load(const uint8_t *program, int instructions)
{
	struct load_attributes attributes = {
		.program_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.instruction_count = (uint32_t)instructions,
		.instructions = (uint64_t)(uintptr_t)program,
		.license = (uint64_t)(uintptr_t) "Apache-2.0",
	};

	return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes));
}

static int attach(int program, const char *directory)
{
	int cgroup = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct attach_attributes attributes = {
		.target_fd = (uint32_t)cgroup,
		.program_fd = (uint32_t)program,
		.attach_type = BPF_CGROUP_DEVICE,
		.flags = BPF_F_ALLOW_MULTI,
	};
	int result;

	if (cgroup < 0)
		return -1;
	result = (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attributes, sizeof(attributes));
	close(cgroup);
	return result;
}

int attach_device_filter(struct monitor *monitor)
{
	static uint8_t program[MAX_INSTRUCTIONS * INSTRUCTION_SIZE];
	int instructions, fd, failed;

	if (!monitor->device_filter)
		return 0;
	instructions = decode(monitor->device_filter, program);
	fd = instructions < 0 ? -1 : load(program, instructions);
	failed = fd < 0 || attach(fd, monitor->device_cgroup) < 0;
	if (failed)
		monitor_fail(monitor, "linux.resources.devices: cannot attach the device filter: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return failed ? -1 : 0;
}
