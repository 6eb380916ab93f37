import type { Plan } from '../monitor/plan.ts';
import type { Resources, Spec } from '../oci/spec.ts';
import type { Cgroup } from '../cgroups/cgroup.ts';

/** A container to be created, read and checked. */
export interface ContainerRequest {
  readonly namespace: string;
  readonly id: string;
  /** The container's state directory: absolute, there already, and its own. */
  readonly directory: string;
  readonly spec: Spec;
}

/** What a backend makes of a request: data only, nothing has happened yet. */
export interface PreparedContainer {
  /** To be written into the state directory before the monitor starts, by name. */
  readonly files: ReadonlyMap<string, string>;
  /** The backend's part of the monitor's plan: orders, mount sources, cgroups (shim/native/monitor). */
  readonly plan: Plan;
  /** The container's cgroup, once for each hierarchy; the first has all its processes. */
  readonly cgroups: readonly Cgroup[];
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
  /**
   * Translates new limits for a container that is there, but for its devices. Changes nothing on the host.
   * @throws StatusError InvalidArgument, with the JSON path, for what the backend or the host cannot do.
   */
  translateResources(resources: Resources): readonly CgroupSetting[];
}
