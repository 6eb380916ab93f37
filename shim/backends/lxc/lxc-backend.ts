import path from 'node:path';
import { invalidArgument } from '../../../common/errors.ts';
import { Plan } from '../../monitor/plan.ts';
import { resolveCgroupsPath } from '../../oci/cgroups-path.ts';
import { refuseUnhonoured } from '../../oci/honoured.ts';
import { MOUNT_ATTR_RDONLY } from '../../oci/mount-flags.ts';
import { PROPAGATION_FLAGS } from '../../oci/mount-options.ts';
import type { Resources, Spec } from '../../oci/spec.ts';
import { sysctlFile } from '../../oci/sysctl.ts';
import type {
  Backend,
  CgroupSetting,
  ContainerRequest,
  ExecDefaults,
  ExecRequest,
  HostTies,
  PreparedContainer,
  PreparedExec,
} from '../backend.ts';
import type { Cgroup } from '../../cgroups/cgroup.ts';
import type { CgroupHierarchy } from '../../cgroups/hierarchies.ts';
import { checkNamespacePaths } from '../../oci/namespace-paths.ts';
import { planCgroups, usedHierarchies } from './cgroup-plan.ts';
import { planDevices } from './device-plan.ts';
import { planHostHooks, planStartHooks } from './hook-plan.ts';
import { HONOURED } from './honoured.ts';
import { appArmorProfile } from './apparmor.ts';
import { LxcConfig } from './lxc-config.ts';
import { MountPlanner, isSysfsOfUserNamespace } from './mount-plan.ts';
import { mountTies } from './mount-ties.ts';
import { configureNamespaces, hasNewNamespace, planNamespaces } from './namespaces.ts';
import { execDefaultsOf, planExec, planProcess, planTerminal } from './process-plan.ts';
import { translateResources } from './resources.ts';
import { SeccompFilters } from './seccomp-filter.ts';

export interface LxcBackendOptions {
  /** The directory of lxcri-lxc and lxcri-init. */
  readonly libraryDirectory: string;
  /**
   * A directory on which liblxc mounts a container's root, in the container's own mount namespace. The root of a user
   * namespace must be able to reach it.
   */
  readonly rootfsMount: string;
  readonly hierarchies: readonly CgroupHierarchy[];
  /** The host's, as cgroup files name them: `2MB`. */
  readonly hugePageSizes: readonly string[];
  /** A path of the host's network namespace; undefined if liblxc runs in it anyway. */
  readonly hostNetwork?: string;
}

/**
 * Runs containers with liblxc. liblxc gets what it is best at: namespaces, pivot_root, the network of a new namespace,
 * the container's life. Mounts, devices, sysctls and the process's credentials are the init's (shim/native/init), after
 * the pivot, where a path of the image cannot lead out of it; liblxc's keys for these drop or refuse what OCI allows.
 * cgroups are the monitor's (shim/native/monitor/cgroup-setup.c), because liblxc's way waits for the kernel.
 */
export class LxcBackend implements Backend {
  readonly name = 'lxc';
  readonly driver: string;
  readonly init: string;
  readonly #rootfsMount: string;
  readonly #hostNetwork: string | undefined;
  readonly #hierarchies: readonly CgroupHierarchy[];
  readonly #hugePageSizes: readonly string[];
  readonly #filters: SeccompFilters;

  constructor({ libraryDirectory, rootfsMount, hierarchies, hugePageSizes, hostNetwork }: LxcBackendOptions) {
    this.#hostNetwork = hostNetwork;
    this.driver = path.join(libraryDirectory, 'lxcri-lxc');
    this.init = path.join(libraryDirectory, 'lxcri-init');
    this.#rootfsMount = rootfsMount;
    this.#filters = new SeccompFilters(path.join(libraryDirectory, 'lxcri-seccomp'));
    this.#hierarchies = usedHierarchies(hierarchies);
    this.#hugePageSizes = hugePageSizes;
  }

  async prepare(request: ContainerRequest): Promise<PreparedContainer> {
    const { spec, directory, namespace, id, bundle } = request;
    refuseUnhonoured(spec, HONOURED, this.name);
    const cgroup = resolveCgroupsPath(spec.linux.cgroupsPath, namespace, id);
    const hierarchies = this.#hierarchies;

    if (request.restored === true) return this.#prepareRestore(request, cgroup);
    const [config, execDefaults] = await Promise.all([this.#configure(spec, directory), this.#execDefaults(spec)]);
    const plan = this.#planOrders(request).append(this.#planHost(spec, cgroup));
    const init = new Plan();
    planInit({ spec, init, monitor: plan, hierarchies, cgroup }, execDefaults);
    const hooks = { spec, id, bundle, hostNetwork: this.#hostNetwork ?? '/proc/self/ns/net' };
    planHostHooks(hooks, plan);
    planStartHooks(hooks, init);
    return {
      files: new Map([
        ['lxc.conf', config.toString()],
        ['init.plan', init.toString()],
      ]),
      plan,
      cgroups: this.#cgroups(cgroup),
      execDefaults,
    };
  }

  /** All that the monitor does for a container, but for the processes: neither liblxc nor the init has a part in them. */
  async #prepareRestore({ spec, id, bundle }: ContainerRequest, cgroup: string): Promise<PreparedContainer> {
    await checkNamespacePaths(spec);
    const plan = new Plan().add('restore').append(this.#planHost(spec, cgroup));
    planHostHooks({ spec, id, bundle, hostNetwork: this.#hostNetwork ?? '/proc/self/ns/net' }, plan);
    const execDefaults = await this.#execDefaults(spec);
    return { files: new Map(), plan, cgroups: this.#cgroups(cgroup), execDefaults };
  }

  describeTies({ namespace, id, spec }: Pick<ContainerRequest, 'namespace' | 'id' | 'spec'>): HostTies {
    const cgroup = resolveCgroupsPath(spec.linux.cgroupsPath, namespace, id);
    const hierarchies = this.#hierarchies;
    return {
      mounts: mountTies(spec, hierarchies, cgroup),
      namespaces: spec.linux.namespaces.flatMap(({ type, path: at }) => (at === undefined ? [] : [{ type, path: at }])),
      cgroupRoots: hierarchies.map(({ version, controllers, base, mountPoint }) => ({
        controllers: version === 1 ? controllers : [],
        path: base.slice(mountPoint.length) + cgroup,
      })),
      hasCgroupNamespace: hasNewNamespace(spec, 'cgroup'),
      place: this.#rootfsMount,
    };
  }

  #cgroups(cgroup: string): readonly Cgroup[] {
    return this.#hierarchies.map(({ version, controllers, base }) => ({
      version,
      controllers,
      directory: base + cgroup,
    }));
  }

  async #execDefaults(spec: Spec): Promise<ExecDefaults> {
    const { seccomp } = spec.linux;
    return execDefaultsOf(spec, {
      apparmorProfile: await appArmorProfile(spec.process.apparmorProfile),
      seccomp: seccomp === undefined ? undefined : await this.#filters.compile(seccomp),
    });
  }

  async prepareExec({ process, defaults }: ExecRequest): Promise<PreparedExec> {
    refuseUnhonoured({ process }, HONOURED, this.name, 'process spec');
    const plan = new Plan();
    const init = new Plan();
    const oomScoreAdj = process.oomScoreAdj ?? defaults.oomScoreAdj;
    if (oomScoreAdj !== undefined) plan.add('oom-score-adj', oomScoreAdj);
    const own = await appArmorProfile(process.apparmorProfile);
    const apparmorProfile = own ?? defaults.apparmorProfile;
    planExec({ process, defaults: { ...defaults, apparmorProfile } }, init);
    return { plan, init };
  }

  translateResources(resources: Resources): readonly CgroupSetting[] {
    return translateResources(resources, this.#hierarchies);
  }

  async #configure(spec: Spec, directory: string): Promise<LxcConfig> {
    const config = new LxcConfig()
      .set('lxc.rootfs.path', `dir:${spec.root.path}`, 'root.path')
      .set('lxc.rootfs.mount', this.#rootfsMount)
      // Else LXC leaves a file in the image's root.
      .set('lxc.rootfs.managed', 0)
      // OCI brings its own /dev, and its own terminals.
      .set('lxc.autodev', 0)
      .set('lxc.tty.max', 0)
      .set('lxc.pty.max', 0)
      .set('lxc.console.path', 'none')
      .set('lxc.apparmor.profile', 'unconfined')
      .set('lxc.log.file', path.join(directory, 'lxc.log'))
      .set('lxc.log.level', 'ERROR')
      // The init is executed through /proc/self/fd. If the spec wants another proc, or none, the init changes it.
      .set('lxc.mount.entry', 'proc proc proc nosuid,nodev,noexec,create=dir 0 0');
    if (spec.mounts.some((mount) => isSysfsOfUserNamespace(spec, mount))) {
      config.set('lxc.mount.entry', 'sysfs sys sysfs ro,nosuid,nodev,noexec,create=dir 0 0');
    }
    await configureNamespaces(config, spec, this.#hostNetwork);
    if (spec.process.oomScoreAdj !== undefined) config.set('lxc.proc.oom_score_adj', spec.process.oomScoreAdj);
    return config;
  }

  #planOrders({ directory, id, spec }: ContainerRequest): Plan {
    const plan = new Plan();
    const files = [path.dirname(directory), id, path.join(directory, 'lxc.conf')];
    for (const order of [...files, spec.root.path, this.#rootfsMount]) plan.add('order', order);
    return plan;
  }

  #planHost(spec: Spec, cgroup: string): Plan {
    const plan = new Plan();
    planNamespaces(spec, plan);
    planCgroups(spec, { hierarchies: this.#hierarchies, hugePageSizes: this.#hugePageSizes }, cgroup, plan);
    return plan;
  }
}

/** Everything that the init does, in its order: what needs a writable /proc or / comes before they are sealed. */
function planInit(context: ConstructorParameters<typeof MountPlanner>[0], execDefaults: ExecDefaults): void {
  const { spec, init } = context;
  const { linux } = spec;
  const mounts = new MountPlanner(context);
  // First: what follows is charged to the container, and sees its cgroup namespace.
  init.add('field', 'linux.cgroupsPath').add('join', context.hierarchies.filter(({ version }) => version === 1).length);
  if (hasNewNamespace(spec, 'cgroup')) init.add('field', 'linux.namespaces').add('cgroup-namespace');
  mounts.plan();
  planDevices(spec, init, mounts);
  if (spec.process.terminal) {
    planTerminal(spec.process, init);
    init.add('console');
  }
  // They see the container's mounts, and the host's files: shim/native/monitor/host-hooks.c.
  if (spec.hooks.createContainer.length > 0) init.add('field', 'hooks.createContainer').add('pass-root');
  // As runc does, for images whose working directory only the image's author ever had.
  init.add('field', 'process.cwd').add('mkdir', spec.process.cwd, 0o755);
  if (spec.hostname !== undefined) init.add('field', 'hostname').add('hostname', spec.hostname);
  if (spec.domainname !== undefined) init.add('field', 'domainname').add('domainname', spec.domainname);
  for (const [key, value] of Object.entries(linux.sysctl)) {
    const file = sysctlFile(key);
    if (file === undefined) throw invalidArgument(`config.json: linux.sysctl has ${JSON.stringify(key)}: no such name`);
    init.add('field', `linux.sysctl[${JSON.stringify(key)}]`).add('write', `sys/${file}`, value);
  }
  init.add('field', 'linux.readonlyPaths');
  for (const target of linux.readonlyPaths) init.add('readonly', target);
  init.add('field', 'linux.maskedPaths');
  for (const target of linux.maskedPaths) init.add('mask', target);
  if (linux.rootfsPropagation !== undefined) {
    init.add('field', 'linux.rootfsPropagation').add('propagation', '/', PROPAGATION_FLAGS[linux.rootfsPropagation]);
  }
  if (spec.root.readonly) init.add('field', 'root.readonly').add('setattr', '/', MOUNT_ATTR_RDONLY, 0, 0, 0);
  planProcess(spec.process, execDefaults, init);
}
