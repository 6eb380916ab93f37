/** A container's directory in one of the host's cgroup hierarchies. */
export interface Cgroup {
  readonly version: 1 | 2;
  /** Those of the hierarchy: `memory`, `cpu` and `cpuacct`, `name=systemd`, … */
  readonly controllers: readonly string[];
  readonly directory: string;
}

/** Where a controller's files are; undefined if the host has no such controller. */
export const directoryOf = (cgroups: readonly Cgroup[], controller: string): string | undefined =>
  cgroups.find(({ controllers }) => controllers.includes(controller))?.directory;
