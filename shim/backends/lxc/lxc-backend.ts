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
/**
 * At a container's end liblxc would make a pivot cgroup, move itself there and remove its own cgroup, in each hierarchy:
 * the move alone waits for an RCU grace period, 8 to 15 ms in which the container's exit is not reported. A pivot that
 * cannot be made (a file is in the way) makes it skip that; the monitor removes the cgroup when liblxc has ended.
 */
const PIVOT_CGROUP = '/cgroup.procs';

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
  readonly driver: string;
  readonly init: string;
  readonly #hierarchies: readonly CgroupHierarchy[];

  constructor({ libraryDirectory, hierarchies }: LxcBackendOptions) {
    this.driver = path.join(libraryDirectory, 'lxcri-lxc');
    this.init = path.join(libraryDirectory, 'lxcri-init');
    this.#hierarchies = hierarchies;
  }

  async prepare(request: ContainerRequest): Promise<PreparedContainer> {
    const { spec, directory, namespace, id } = request;
    refuseUnhonoured(spec, HONOURED, this.name);
    const cgroup = resolveCgroupsPath(spec.linux.cgroupsPath, namespace, id);
    const monitorCgroup = `${MONITOR_CGROUPS}/${namespace}.${id}`;
    const hierarchies = this.#hierarchies;

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
      .set('lxc.log.level', 'ERROR')
      // The init is executed through /proc/self/fd. If the spec wants another proc, or none, the init changes it.
      .set('lxc.mount.entry', 'proc proc proc nosuid,nodev,noexec,create=dir 0 0')
      .set('lxc.cgroup.dir.container', cgroup.slice(1), 'linux.cgroupsPath')
      .set('lxc.cgroup.dir.monitor', monitorCgroup.slice(1))
      .set('lxc.cgroup.dir.monitor.pivot', PIVOT_CGROUP.slice(1));
    await configureNamespaces(config, spec);
    if (spec.process.oomScoreAdj !== undefined) config.set('lxc.proc.oom_score_adj', spec.process.oomScoreAdj);
    for (const { field, version, file, value } of translateResources(spec.linux.resources, this.#hierarchies)) {
      config.set(`lxc.cgroup${version === 2 ? '2' : ''}.${file}`, value, `linux.resources.${field}`);
    }
    return config;
  }

  #planMonitor({ directory, id }: ContainerRequest, cgroup: string, monitorCgroup: string): Plan {
    const plan = new Plan();
    const orders = [path.dirname(directory), id, path.join(directory, 'lxc.conf')];
    for (const order of orders) plan.add('order', order);
    for (const { base } of this.#hierarchies) plan.add('cgroup', base + cgroup).add('cgroup', base + monitorCgroup);
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
  // As runc does, for images whose working directory only the image's author ever had.
  init.add('field', 'process.cwd').add('mkdir', spec.process.cwd, 0o755);
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
