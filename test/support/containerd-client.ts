import { ContainersDefinition, type Container } from '../../proto/gen/containerd/services/containers/v1/containers.ts';
import { SnapshotsDefinition } from '../../proto/gen/containerd/services/snapshots/v1/snapshots.ts';
import { TasksDefinition } from '../../proto/gen/containerd/services/tasks/v1/tasks.ts';
import type { Containerd } from './containerd.ts';
import { codeOf } from './snapshots-client.ts';
import { GrpcClient } from './grpc-client.ts';
import { BUSYBOX_IMAGE } from './oci-image.ts';

const NOT_FOUND = 5;
const snapshotter = 'overlayfs';

/** What ctr makes of its flags: for containers of any id, program and runtime. */
interface Template {
  readonly id: string;
  readonly container: Container;
  /** The image's last layer. */
  readonly parent: string;
}

/** containerd's API on its socket. */
export class ContainerdClient {
  readonly tasks: GrpcClient<typeof TasksDefinition>;
  readonly #containers: GrpcClient<typeof ContainersDefinition>;
  readonly #snapshots: GrpcClient<typeof SnapshotsDefinition>;
  readonly #containerd: Containerd;
  readonly #templates = new Map<string, Promise<Template>>();

  constructor(containerd: Containerd) {
    const { address, namespace } = containerd;
    this.#containerd = containerd;
    this.tasks = new GrpcClient(TasksDefinition, address, namespace);
    this.#containers = new GrpcClient(ContainersDefinition, address, namespace);
    this.#snapshots = new GrpcClient(SnapshotsDefinition, address, namespace);
  }

  close(): void {
    this.tasks.close();
    this.#containers.close();
    this.#snapshots.close();
  }

  /** As `ctr containers create FLAGS` does, but by calls alone: emulated, a ctr takes a second. */
  async createContainer(id: string, runtime: string, args: readonly string[], flags: readonly string[]): Promise<void> {
    const { container, parent, id: templateId } = await this.#template(flags);
    const text = Buffer.from(container.spec?.value ?? Buffer.of()).toString();
    const spec = JSON.parse(text.replaceAll(templateId, id)) as { process: { args: readonly string[] } };
    spec.process.args = args;
    const value = Buffer.from(JSON.stringify(spec));
    // Else containerd's garbage collector may find it before there is a container that needs it.
    const labels = { 'containerd.io/gc.root': id };
    await this.#snapshots.call('prepare', { snapshotter, key: id, parent, labels });
    await this.#containers.call('create', {
      container: {
        ...container,
        id,
        snapshotKey: id,
        runtime: { name: runtime, options: undefined },
        spec: { typeUrl: container.spec?.typeUrl ?? '', value },
      },
    });
  }

  async mounts(key: string) {
    return (await this.#snapshots.call('mounts', { snapshotter, key })).mounts;
  }

  /** With its task and its snapshot, whatever there is of them. */
  async removeContainer(id: string): Promise<void> {
    if ((await codeOf(this.tasks.call('get', { containerId: id, execId: '' }))) !== NOT_FOUND) {
      await this.#containerd.tryCtr(['tasks', 'rm', '--force', id]);
    }
    await codeOf(this.#containers.call('delete', { id }));
    await codeOf(this.#snapshots.call('remove', { snapshotter, key: id }));
  }

  #template(flags: readonly string[]): Promise<Template> {
    const key = JSON.stringify(flags);
    const found = this.#templates.get(key) ?? this.#makeTemplate(flags);
    this.#templates.set(key, found);
    return found;
  }

  async #makeTemplate(flags: readonly string[]): Promise<Template> {
    const id = `${this.#containerd.marker}-template-${this.#templates.size}`;
    await this.#containerd.ctr(['containers', 'create', ...flags, BUSYBOX_IMAGE.name, id, 'true']);
    const { container } = await this.#containers.call('get', { id });
    const { info } = await this.#snapshots.call('stat', { snapshotter, key: id });
    await this.removeContainer(id);
    if (container === undefined || info === undefined) throw new Error(`containerd does not know ${id}`);
    return { id, container, parent: info.parent };
  }
}
