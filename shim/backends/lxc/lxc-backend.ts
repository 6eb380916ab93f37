import path from 'node:path';
import { invalidArgument } from '../../../common/errors.ts';
import { Plan } from '../../monitor/plan.ts';
import { resolveCgroupsPath } from '../../oci/cgroups-path.ts';
import { refuseUnhonoured } from '../../oci/honoured.ts';
import { MOUNT_ATTR_RDONLY } from '../../oci/mount-flags.ts';
import { PROPAGATION_FLAGS } from '../../oci/mount-options.ts';
import type { Spec } from '../../oci/spec.ts';
import { sysctlFile } from '../../oci/sysctl.ts';
import type { Backend, ContainerRequest, PreparedContainer } from '../backend.ts';
import type { CgroupHierarchy } from '../cgroup-hierarchies.ts';
import { planDevices } from './device-plan.ts';
import { HONOURED } from './honoured.ts';
import { LxcConfig } from './lxc-config.ts';
import { MountPlanner } from './mount-plan.ts';
import { configureNamespaces } from './namespaces.ts';
import { planProcess } from './process-plan.ts';
import { translateResources } from './resources.ts';

/** Where liblxc's own monitors live: one cgroup a container, in a tree of ours. Relative to a hierarchy's base. */
const MONITOR_CGROUPS = '/proxmox-lxcri/monitor';
/** A monitor moves here to remove its own cgroup. liblxc adds `/lxc.pivot`. */
const PIVOT_CGROUP = '/proxmox-lxcri/monitor';

export interface LxcBackendOptions {
  /** The directory of lxcri-lxc and lxcri-init. */
  readonly libraryDirectory: string;
  readonly hierarchies: readonly CgroupHierarchy[];
}

/**
 * Runs containers with liblxc. liblxc gets what it is best at: namespaces, cgroups, pivot_root, the network of a new
 * namespace. Mounts, devices, sysctls and the process's credentials are the init's (shim/native/init), after the
 * pivot, where a path of the image cannot lead out of it; liblxc's keys for these drop or refuse what OCI allows.
 */
export class LxcBackend implements Backend {
  readonly name = 'lxc';
  readonly #options: LxcBackendOptions;

  constructor(options: LxcBackendOptions) {
    this.#options = options;
  }

  async prepare(request: ContainerRequest): Promise<PreparedContainer> {
    const { spec, directory, namespace, id } = request;
    refuseUnhonoured(spec, HONOURED, this.name);
    const cgroup = resolveCgroupsPath(spec.linux.cgroupsPath, namespace, id);
    const monitorCgroup = `${MONITOR_CGROUPS}/${namespace}.${id}`;
    const { hierarchies } = this.#options;

    const config = await this.#configure(spec, directory, cgroup, monitorCgroup);
    const plan = this.#planMonitor(request, cgroup, monitorCgroup);
    const init = new Plan();
    planInit({ spec, init, monitor: plan, hierarchies, cgroup });
    return {
      files: new Map([
        ['lxc.conf', config.toString()],
        ['init.plan', init.toString()],
      ]),
      plan,
      cgroups: hierarchies.map(({ base }) => base + cgroup),
    };
  }

  async #configure(spec: Spec, directory: string, cgroup: string, monitorCgroup: string): Promise<LxcConfig> {
    const config = new LxcConfig()
      .set('lxc.rootfs.path', `dir:${spec.root.path}`, 'root.path')
      // Else LXC leaves a file in the image's root.
      .set('lxc.rootfs.managed', 0)
      // OCI brings its own /dev, and its own terminals.
      .set('lxc.autodev', 0)
      .set('lxc.tty.max', 0)
      .set('lxc.pty.max', 0)
      .set('lxc.console.path', 'none')
      .set('lxc.apparmor.profile', 'unconfined')
      .set('lxc.log.file', path.join(directory, 'lxc.log'))
      .set('lxc.log.level', 'WARN')
      // The init is executed through /proc/self/fd. If the spec wants another proc, or none, the init changes it.
      .set('lxc.mount.entry', 'proc proc proc nosuid,nodev,noexec,create=dir 0 0')
      .set('lxc.cgroup.dir.container', cgroup.slice(1), 'linux.cgroupsPath')
      .set('lxc.cgroup.dir.monitor', monitorCgroup.slice(1))
      .set('lxc.cgroup.dir.monitor.pivot', PIVOT_CGROUP.slice(1));
    await configureNamespaces(config, spec);
    if (spec.process.oomScoreAdj !== undefined) config.set('lxc.proc.oom_score_adj', spec.process.oomScoreAdj);
    for (const { field, version, file, value } of translateResources(spec.linux.resources, this.#options.hierarchies)) {
      config.set(`lxc.cgroup${version === 2 ? '2' : ''}.${file}`, value, `linux.resources.${field}`);
    }
    return config;
  }

  #planMonitor({ directory, id }: ContainerRequest, cgroup: string, monitorCgroup: string): Plan {
    const { libraryDirectory, hierarchies } = this.#options;
    const plan = new Plan().add('init', path.join(libraryDirectory, 'lxcri-init'));
    const driver = [
      path.join(libraryDirectory, 'lxcri-lxc'),
      path.dirname(directory),
      id,
      path.join(directory, 'lxc.conf'),
    ];
    for (const word of driver) plan.add('driver', word);
    for (const { base } of hierarchies) plan.add('cgroup', base + cgroup).add('cgroup', base + monitorCgroup);
    return plan;
  }
}

/** Everything that the init does, in its order: what needs a writable /proc or / comes before they are sealed. */
function planInit(context: ConstructorParameters<typeof MountPlanner>[0]): void {
  const { spec, init } = context;
  const { linux } = spec;
  const mounts = new MountPlanner(context);
  mounts.plan();
  planDevices(spec, init, mounts);
  if (spec.hostname !== undefined) init.add('field', 'hostname').add('hostname', spec.hostname);
  if (spec.domainname !== undefined) init.add('field', 'domainname').add('domainname', spec.domainname);
  for (const [key, value] of Object.entries(linux.sysctl)) {
    const file = sysctlFile(key);
    if (file === undefined) throw invalidArgument(`config.json: linux.sysctl has ${JSON.stringify(key)}: no such name`);
    init.add('field', `linux.sysctl[${JSON.stringify(key)}]`).add('write', `/proc/sys/${file}`, value);
  }
  init.add('field', 'linux.readonlyPaths');
  for (const target of linux.readonlyPaths) init.add('readonly', target);
  init.add('field', 'linux.maskedPaths');
  for (const target of linux.maskedPaths) init.add('mask', target);
  if (linux.rootfsPropagation !== undefined) {
    init.add('field', 'linux.rootfsPropagation').add('propagation', '/', PROPAGATION_FLAGS[linux.rootfsPropagation]);
  }
  if (spec.root.readonly) init.add('field', 'root.readonly').add('setattr', '/', MOUNT_ATTR_RDONLY, 0, 0, 0);
  planProcess(spec, init);
}
