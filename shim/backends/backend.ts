import type { Plan } from '../monitor/plan.ts';
import type { Capabilities, Namespace, Process, Resources, Spec } from '../oci/spec.ts';
import type { Cgroup } from '../cgroups/cgroup.ts';

/** A container to be created, read and checked. */
export interface ContainerRequest {
  readonly namespace: string;
  readonly id: string;
  /** Absolute. */
  readonly bundle: string;
  /** The container's state directory: absolute, there already, and its own. */
  readonly directory: string;
  readonly spec: Spec;
  /** Its processes are not to be started, but restored of a checkpoint. */
  readonly restored?: boolean;
}

/** A mount of a container, as its spec has it. */
export interface MountTie {
  readonly destination: string;
  /** Of the host; undefined for a file system of the container's own. */
  readonly source?: string | undefined;
  /** The source comes with the mounts below it. */
  readonly recursive: boolean;
}

/** Where a container is tied to its host: what a checkpoint cannot hold, and its restore needs again. */
export interface HostTies {
  readonly mounts: readonly MountTie[];
  /** Namespaces that are not its own, by path. */
  readonly namespaces: readonly (Namespace & { readonly path: string })[];
  /** Its cgroups as paths in their hierarchies, of v1 with the hierarchy's controllers. */
  readonly cgroupRoots: readonly { readonly controllers: readonly string[]; readonly path: string }[];
  /** It has a cgroup namespace of its own. */
  readonly hasCgroupNamespace: boolean;
  /** A directory of the host that nobody else uses, to mount a root file system on in a private mount namespace. */
  readonly place: string;
}

/** What a backend makes of a request: data only, nothing has happened yet. */
export interface PreparedContainer {
  /** To be written into the state directory before the monitor starts, by name. */
  readonly files: ReadonlyMap<string, string>;
  /** The backend's part of the monitor's plan: orders, mount sources, cgroups (shim/native/monitor). */
  readonly plan: Plan;
  /** The container's cgroup, once for each hierarchy; the first has all its processes. */
  readonly cgroups: readonly Cgroup[];
  readonly execDefaults: ExecDefaults;
}

/** What a process that Exec adds has of the container, unless it says otherwise. Goes through JSON. */
export interface ExecDefaults {
  readonly capabilities?: Capabilities | undefined;
  readonly rlimits: readonly { readonly type: string; readonly soft: string; readonly hard: string }[];
  readonly umask?: number | undefined;
  readonly oomScoreAdj?: number | undefined;
  readonly personality?: string | undefined;
  readonly apparmorProfile?: string | undefined;
  /** Flags of seccomp(2), and BPF instructions in hexadecimal: always the container's. */
  readonly seccomp?: { readonly flags: number; readonly program: string } | undefined;
}

/** A process to be added to a container, read and checked. */
export interface ExecRequest {
  readonly process: Process;
  readonly defaults: ExecDefaults;
}

/** What a backend makes of it; as with a container, nothing has happened yet. */
export interface PreparedExec {
  /** The backend's part of the monitor's plan for it. */
  readonly plan: Plan;
  /** What its init is to do. */
  readonly init: Plan;
}

/** One value for one file of the container's cgroup. */
export interface CgroupSetting {
  /** The JSON path below linux.resources, for errors. */
  readonly field: string;
  readonly version: 1 | 2;
  readonly controller: string;
  readonly file: string;
  readonly value: string;
}

/** A way to run containers. The task service knows backends by this interface alone. */
export interface Backend {
  readonly name: string;
  /** The programs that a monitor of this backend starts with: shim/native/common/driver.h and gate.h. */
  readonly driver: string;
  readonly init: string;
  /**
   * Translates a spec. Changes nothing on the host.
   * @throws StatusError InvalidArgument, with the JSON path, for what the backend or the host cannot do.
   */
  prepare(request: ContainerRequest): Promise<PreparedContainer>;
  /** Changes nothing on the host. */
  describeTies(request: Pick<ContainerRequest, 'namespace' | 'id' | 'spec'>): HostTies;
  /**
   * Translates a process spec. Changes nothing on the host.
   * @throws StatusError InvalidArgument, with the JSON path, for what the backend or the host cannot do.
   */
  prepareExec(request: ExecRequest): Promise<PreparedExec>;
  /**
   * Translates new limits for a container that is there, but for its devices. Changes nothing on the host.
   * @throws StatusError InvalidArgument, with the JSON path, for what the backend or the host cannot do.
   */
  translateResources(resources: Resources): readonly CgroupSetting[];
}
