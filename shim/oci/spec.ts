/**
 * The OCI runtime specification's `config.json` for Linux, versions 1.0 to 1.3, as the rest of the shim sees it: after
 * `readSpec` has checked and normalised it. Compared with the document on disk:
 *
 * - `null`, and a string, list or object that is empty where empty means unset, are gone: a property that is there
 *   says something. Lists and maps that are merely optional are empty instead of absent.
 * - Paths are absolute: what was relative to the bundle (`root.path`, sources of bind mounts) is resolved against it, a
 *   relative mount destination against `/`. Mount destinations, devices and masked and read-only paths are also
 *   lexically clean; symbolic links in them are still to be followed, inside the container's root.
 * - 0 is gone from those cgroup limits for which runc takes it as unset.
 * - Every property that the specification types as a 64-bit integer is a `bigint`, exact over its whole range, except
 *   device numbers, which Linux keeps within 32 bits. Everything narrower is a `number`.
 * - Properties of other platforms and properties that the specification does not know are left out.
 *
 * Sources: the specification's config.md and config-linux.md, specs-go/config.go and schema/*.json.
 */
export interface Spec {
  readonly ociVersion: string;
  /** The specification lets it be absent until `start`; containerd and runc's `create` do not, nor do we. */
  readonly process: Process;
  readonly root: Root;
  readonly hostname?: string;
  readonly domainname?: string;
  /** To be mounted in this order. */
  readonly mounts: readonly Mount[];
  readonly hooks: Hooks;
  readonly annotations: StringMap;
  readonly linux: Linux;
}

export type StringMap = Readonly<Record<string, string>>;

/** `process`, and the payload of an Exec request. */
export interface Process {
  readonly terminal: boolean;
  /** In characters. Left out when there is no terminal, as the specification has it ignored then. */
  readonly consoleSize?: ConsoleSize;
  readonly user: User;
  /** At least one entry, which is looked up as execvp(3) does; it may be empty, which no lookup finds. */
  readonly args: readonly string[];
  /** `NAME=value`, each name once: of several the last one wins, as in runc. */
  readonly env: readonly string[];
  readonly cwd: string;
  /** Absent: none; for what Exec adds, those of the container's first process. */
  readonly capabilities?: Capabilities;
  readonly rlimits: readonly Rlimit[];
  readonly noNewPrivileges: boolean;
  readonly apparmorProfile?: string;
  /** -1000 to 1000. Absent: the runtime must not touch it. */
  readonly oomScoreAdj?: number;
  readonly scheduler?: Scheduler;
  readonly selinuxLabel?: string;
  readonly ioPriority?: IoPriority;
  /** Only for processes that Exec adds. */
  readonly execCPUAffinity?: CpuAffinity;
}

export interface ConsoleSize {
  readonly height: number;
  readonly width: number;
}

/** Ids are those inside the container's user namespace, 0 to 2^32 - 2. */
export interface User {
  readonly uid: number;
  readonly gid: number;
  /** 0 to 0o777. Absent: the runtime's own default, 0o022 by custom. */
  readonly umask?: number;
  readonly additionalGids: readonly number[];
}

/** Names such as `CAP_CHOWN`, each known to Linux and once per set. A set that is absent in the document is empty. */
export interface Capabilities {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly inheritable: readonly string[];
  readonly permitted: readonly string[];
  readonly ambient: readonly string[];
}

/** Soft is at most hard. 2^64 - 1 is RLIM_INFINITY. */
export interface Rlimit {
  readonly type: RlimitType;
  readonly hard: bigint;
  readonly soft: bigint;
}

/** setrlimit(2), include/uapi/asm-generic/resource.h. */
export const RLIMIT_TYPES = [
  'RLIMIT_CPU',
  'RLIMIT_FSIZE',
  'RLIMIT_DATA',
  'RLIMIT_STACK',
  'RLIMIT_CORE',
  'RLIMIT_RSS',
  'RLIMIT_NPROC',
  'RLIMIT_NOFILE',
  'RLIMIT_MEMLOCK',
  'RLIMIT_AS',
  'RLIMIT_LOCKS',
  'RLIMIT_SIGPENDING',
  'RLIMIT_MSGQUEUE',
  'RLIMIT_NICE',
  'RLIMIT_RTPRIO',
  'RLIMIT_RTTIME',
] as const;
export type RlimitType = (typeof RLIMIT_TYPES)[number];

export const RLIM_INFINITY = 2n ** 64n - 1n;

/** sched_setattr(2); runtime, deadline and period are nanoseconds. */
export interface Scheduler {
  readonly policy: SchedulerPolicy;
  readonly nice: number;
  readonly priority: number;
  readonly flags: readonly SchedulerFlag[];
  readonly runtime: bigint;
  readonly deadline: bigint;
  readonly period: bigint;
}

export const SCHEDULER_POLICIES = [
  'SCHED_OTHER',
  'SCHED_FIFO',
  'SCHED_RR',
  'SCHED_BATCH',
  'SCHED_ISO',
  'SCHED_IDLE',
  'SCHED_DEADLINE',
] as const;
export type SchedulerPolicy = (typeof SCHEDULER_POLICIES)[number];

export const SCHEDULER_FLAGS = [
  'SCHED_FLAG_RESET_ON_FORK',
  'SCHED_FLAG_RECLAIM',
  'SCHED_FLAG_DL_OVERRUN',
  'SCHED_FLAG_KEEP_POLICY',
  'SCHED_FLAG_KEEP_PARAMS',
  'SCHED_FLAG_UTIL_CLAMP_MIN',
  'SCHED_FLAG_UTIL_CLAMP_MAX',
] as const;
export type SchedulerFlag = (typeof SCHEDULER_FLAGS)[number];

/** ioprio_set(2); priority 0 (highest) to 7. */
export interface IoPriority {
  readonly class: IoPriorityClass;
  readonly priority: number;
}

export const IO_PRIORITY_CLASSES = ['IOPRIO_CLASS_RT', 'IOPRIO_CLASS_BE', 'IOPRIO_CLASS_IDLE'] as const;
export type IoPriorityClass = (typeof IO_PRIORITY_CLASSES)[number];

/** Lists of CPUs such as `0-3,7`. */
export interface CpuAffinity {
  readonly initial?: string;
  readonly final?: string;
}

export interface Root {
  readonly path: string;
  readonly readonly: boolean;
}

/** `parseMountOptions` reads `options`. */
export interface Mount {
  readonly destination: string;
  /** Absent only where mount(2) ignores it: binds and remounts. */
  readonly type?: string;
  readonly source?: string;
  readonly options: readonly string[];
  readonly uidMappings: readonly IdMapping[];
  readonly gidMappings: readonly IdMapping[];
}

export const HOOK_KINDS = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;
export type HookKind = (typeof HOOK_KINDS)[number];
export type Hooks = Readonly<Record<HookKind, readonly Hook[]>>;

export interface Hook {
  readonly path: string;
  /** With argv[0]. Absent: the path alone. */
  readonly args?: readonly string[];
  readonly env: readonly string[];
  /** In seconds. Absent: unlimited. */
  readonly timeout?: number;
}

export interface Linux {
  readonly namespaces: readonly Namespace[];
  readonly uidMappings: readonly IdMapping[];
  readonly gidMappings: readonly IdMapping[];
  readonly timeOffsets: Readonly<Partial<Record<TimeOffsetClock, TimeOffset>>>;
  readonly devices: readonly Device[];
  /** By the interface's name on the host. */
  readonly netDevices: Readonly<Record<string, NetDevice>>;
  /** As written; `resolveCgroupsPath` makes a path of it. */
  readonly cgroupsPath?: string;
  readonly resources: Resources;
  readonly rootfsPropagation?: RootfsPropagation;
  readonly seccomp?: Seccomp;
  /** Keys as written; `sysctlFile` makes the path below /proc/sys. */
  readonly sysctl: StringMap;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly mountLabel?: string;
  readonly intelRdt?: IntelRdt;
  readonly memoryPolicy?: MemoryPolicy;
  readonly personality?: Personality;
}

/** Each type at most once. Without a path: a new namespace; a type that is not listed: the runtime's own. */
export interface Namespace {
  readonly type: NamespaceType;
  readonly path?: string;
}

export const NAMESPACE_TYPES = ['pid', 'network', 'mount', 'ipc', 'uts', 'user', 'cgroup', 'time'] as const;
export type NamespaceType = (typeof NAMESPACE_TYPES)[number];

/** One line of /proc/PID/uid_map: user_namespaces(7). The size is at least 1. */
export interface IdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export const TIME_OFFSET_CLOCKS = ['monotonic', 'boottime'] as const;
export type TimeOffsetClock = (typeof TIME_OFFSET_CLOCKS)[number];

export interface TimeOffset {
  readonly secs: bigint;
  readonly nanosecs: number;
}

/** The specification's `u` (unbuffered character device) is mknod(2)'s `c` and comes as such. */
export interface Device {
  readonly path: string;
  readonly type: 'c' | 'b' | 'p';
  /** 0 to 4095; 0 for a FIFO. */
  readonly major: number;
  /** 0 to 1048575; 0 for a FIFO. */
  readonly minor: number;
  /** Permission bits only, 0 to 0o7777. */
  readonly fileMode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface NetDevice {
  /** Absent: it keeps its name. */
  readonly name?: string;
}

/** The r-forms are runc's; the specification lists the others. */
export const ROOTFS_PROPAGATIONS = [
  'private',
  'rprivate',
  'shared',
  'rshared',
  'slave',
  'rslave',
  'unbindable',
  'runbindable',
] as const;
export type RootfsPropagation = (typeof ROOTFS_PROPAGATIONS)[number];

/** `linux.resources`, and the payload of an Update request. */
export interface Resources {
  /** To be applied in this order. */
  readonly devices: readonly DeviceRule[];
  readonly memory: Memory;
  readonly cpu: Cpu;
  readonly pids: Pids;
  readonly blockIO: BlockIO;
  readonly hugepageLimits: readonly HugepageLimit[];
  readonly network: Network;
  readonly rdma: Readonly<Record<string, Rdma>>;
  /** cgroup v2: file name to content. */
  readonly unified: StringMap;
}

export interface DeviceRule {
  readonly allow: boolean;
  /** `a` is every device. */
  readonly type: 'a' | 'c' | 'b';
  /** Absent: any. */
  readonly major?: number;
  /** Absent: any. */
  readonly minor?: number;
  /** One or more of `r`, `w`, `m`. */
  readonly access: string;
}

/** In bytes; -1 is unlimited, 0 never occurs. */
export interface Memory {
  readonly limit?: bigint;
  readonly reservation?: bigint;
  /** Memory and swap together. */
  readonly swap?: bigint;
  readonly kernel?: bigint;
  readonly kernelTCP?: bigint;
  /** 0 to 100 */
  readonly swappiness?: number;
  readonly disableOOMKiller?: boolean;
  readonly useHierarchy?: boolean;
  readonly checkBeforeUpdate?: boolean;
}

/** Times in microseconds; except for `burst` and `idle`, 0 never occurs. */
export interface Cpu {
  readonly shares?: bigint;
  /** Negative is unlimited. */
  readonly quota?: bigint;
  readonly burst?: bigint;
  readonly period?: bigint;
  readonly realtimeRuntime?: bigint;
  readonly realtimePeriod?: bigint;
  readonly cpus?: string;
  readonly mems?: string;
  readonly idle?: bigint;
}

export interface Pids {
  /** Negative is unlimited. */
  readonly limit?: bigint;
}

/** Weights and rates of 0 remove a device's setting; the cgroup's own `weight` and `leafWeight` are never 0. */
export interface BlockIO {
  readonly weight?: number;
  readonly leafWeight?: number;
  readonly weightDevice: readonly WeightDevice[];
  readonly throttleReadBpsDevice: readonly ThrottleDevice[];
  readonly throttleWriteBpsDevice: readonly ThrottleDevice[];
  readonly throttleReadIOPSDevice: readonly ThrottleDevice[];
  readonly throttleWriteIOPSDevice: readonly ThrottleDevice[];
}

export interface WeightDevice {
  readonly major: number;
  readonly minor: number;
  readonly weight?: number;
  readonly leafWeight?: number;
}

export interface ThrottleDevice {
  readonly major: number;
  readonly minor: number;
  readonly rate: bigint;
}

export interface HugepageLimit {
  /** `2MB`, `1GB`, as in the names of the hugetlb files. */
  readonly pageSize: string;
  readonly limit: bigint;
}

export interface Network {
  readonly classID?: number;
  readonly priorities: readonly InterfacePriority[];
}

export interface InterfacePriority {
  readonly name: string;
  readonly priority: number;
}

export interface Rdma {
  readonly hcaHandles?: number;
  readonly hcaObjects?: number;
}

export interface Seccomp {
  readonly defaultAction: SeccompAction;
  readonly defaultErrnoRet?: number;
  readonly architectures: readonly SeccompArch[];
  /** Absent is not the same as empty: runc then sets SECCOMP_FILTER_FLAG_SPEC_ALLOW by itself. */
  readonly flags?: readonly SeccompFlag[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls: readonly SeccompRule[];
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: SeccompAction;
  readonly errnoRet?: number;
  readonly args: readonly SeccompArg[];
}

export interface SeccompArg {
  /** 0 to 5 */
  readonly index: number;
  readonly value: bigint;
  readonly valueTwo: bigint;
  readonly op: SeccompOperator;
}

export const SECCOMP_ACTIONS = [
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_LOG',
  'SCMP_ACT_NOTIFY',
] as const;
export type SeccompAction = (typeof SECCOMP_ACTIONS)[number];

export const SECCOMP_FLAGS = [
  'SECCOMP_FILTER_FLAG_TSYNC',
  'SECCOMP_FILTER_FLAG_LOG',
  'SECCOMP_FILTER_FLAG_SPEC_ALLOW',
  'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',
] as const;
export type SeccompFlag = (typeof SECCOMP_FLAGS)[number];

export const SECCOMP_ARCHS = [
  'SCMP_ARCH_X86',
  'SCMP_ARCH_X86_64',
  'SCMP_ARCH_X32',
  'SCMP_ARCH_ARM',
  'SCMP_ARCH_AARCH64',
  'SCMP_ARCH_LOONGARCH64',
  'SCMP_ARCH_M68K',
  'SCMP_ARCH_MIPS',
  'SCMP_ARCH_MIPS64',
  'SCMP_ARCH_MIPS64N32',
  'SCMP_ARCH_MIPSEL',
  'SCMP_ARCH_MIPSEL64',
  'SCMP_ARCH_MIPSEL64N32',
  'SCMP_ARCH_PPC',
  'SCMP_ARCH_PPC64',
  'SCMP_ARCH_PPC64LE',
  'SCMP_ARCH_S390',
  'SCMP_ARCH_S390X',
  'SCMP_ARCH_SH',
  'SCMP_ARCH_SHEB',
  'SCMP_ARCH_PARISC',
  'SCMP_ARCH_PARISC64',
  'SCMP_ARCH_RISCV64',
] as const;
export type SeccompArch = (typeof SECCOMP_ARCHS)[number];

export const SECCOMP_OPERATORS = [
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
] as const;
export type SeccompOperator = (typeof SECCOMP_OPERATORS)[number];

export interface IntelRdt {
  readonly closID?: string;
  readonly schemata: readonly string[];
  readonly l3CacheSchema?: string;
  readonly memBwSchema?: string;
  readonly enableMonitoring: boolean;
}

/** set_mempolicy(2) */
export interface MemoryPolicy {
  readonly mode: MemoryPolicyMode;
  /** A list of nodes such as `0-1`. */
  readonly nodes?: string;
  readonly flags: readonly MemoryPolicyFlag[];
}

export const MEMORY_POLICY_MODES = [
  'MPOL_DEFAULT',
  'MPOL_BIND',
  'MPOL_INTERLEAVE',
  'MPOL_WEIGHTED_INTERLEAVE',
  'MPOL_PREFERRED',
  'MPOL_PREFERRED_MANY',
  'MPOL_LOCAL',
] as const;
export type MemoryPolicyMode = (typeof MEMORY_POLICY_MODES)[number];

export const MEMORY_POLICY_FLAGS = ['MPOL_F_NUMA_BALANCING', 'MPOL_F_RELATIVE_NODES', 'MPOL_F_STATIC_NODES'] as const;
export type MemoryPolicyFlag = (typeof MEMORY_POLICY_FLAGS)[number];

/** personality(2) */
export interface Personality {
  readonly domain: 'LINUX' | 'LINUX32';
  /** The specification defines none yet. */
  readonly flags: readonly string[];
}
