import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { execa } from 'execa';
import { DeleteResponse, TaskDefinition, type CreateTaskRequest } from '../../proto/gen/containerd/task/v2/task.ts';
import { Client, type CallOptions } from '../../shim/ttrpc/client.ts';
import { toServiceClient, type ServiceClient, type ServiceDefinition } from '../../shim/ttrpc/typed-service.ts';
import { busyboxRootfs, writeRootfs } from './busybox-rootfs.ts';
import { cleanUp, RUNC_STATE } from './clean-up.ts';
import type { Scope } from './leftovers.ts';
import { shimBinary } from './runtimes.ts';
import { makeBundle, type Bundle, type BundleOptions } from './shim-bundle.ts';
import { EventsReceiver } from './task-events.ts';
import { makeTempDir } from './temp-dir.ts';

/** What containerd gives a shim; a machine that is emulated needs longer to load the daemon the first time. */
const CALL_TIMEOUT_MS = Number(process.env['LXCRI_TEST_CALL_TIMEOUT_MS'] ?? 5000);

/** A connection as containerd makes it: every call names its namespace. */
class NamespacedClient extends Client {
  namespace = '';

  override call(service: string, method: string, payload: Uint8Array, options: CallOptions = {}) {
    const metadata = { 'containerd-namespace-ttrpc': this.namespace, ...options.metadata };
    return super.call(service, method, payload, { timeoutMs: 30_000, ...options, metadata });
  }
}

/** A shim that was started for a container, and the connection to it. */
export interface Shim {
  readonly bundle: Bundle;
  /** What `start` printed. */
  readonly address: string;
  readonly client: Client;
  readonly task: ServiceClient<typeof TaskDefinition>;
}

/**
 * Plays containerd towards a shim, without containerd: makes bundles, calls the binary's `start` and `delete`, speaks
 * ttrpc, receives events. For what containerd would never do, and for what it would hide.
 */
export class ShimHost {
  readonly dir: string;
  readonly marker: string;
  readonly events: EventsReceiver;
  readonly lingerMs: number;
  readonly #binary: string;
  readonly #shims = new Set<Shim>();
  readonly #bundles: Bundle[] = [];
  #lastBundle = 0;

  private constructor(dir: string, binary: string, lingerMs: number) {
    this.dir = dir;
    this.marker = path.basename(dir);
    this.lingerMs = lingerMs;
    this.#binary = binary;
    this.events = new EventsReceiver(path.join(dir, 'c.sock.ttrpc'));
  }

  static async start(runtime: string, { lingerMs = 1000 } = {}): Promise<ShimHost> {
    const host = new ShimHost(await makeTempDir(), shimBinary(runtime), lingerMs);
    await mkdir(path.join(host.dir, 'r'), { mode: 0o711 });
    await mkdir(path.join(host.dir, 'b'));
    await writeRootfs(host.imageDir, await busyboxRootfs());
    await host.events.listen();
    return host;
  }

  get namespace(): string {
    return this.marker;
  }

  get runDir(): string {
    return path.join(this.dir, 'r');
  }

  /** An unpacked image; bundles put an overlay on it. */
  get imageDir(): string {
    return path.join(this.dir, 'image');
  }

  get scope(): Scope {
    const directories = [path.join(this.runDir, 'containers'), path.join(RUNC_STATE, this.namespace)];
    return { marker: this.marker, directories };
  }

  async makeBundle(options: BundleOptions & { readonly id?: string } = {}): Promise<Bundle> {
    const number = String(++this.#lastBundle);
    const id = options.id ?? `${this.marker}-${number}`;
    // Named by the id, as runc's shim relies on; unless the id is one that no directory could have.
    const dir = path.join(this.dir, 'b', number, /^[\w.-]{1,99}$/.test(id) ? id : 'bundle');
    const bundle = await makeBundle(dir, this.imageDir, { ...options, id, namespace: this.namespace });
    this.#bundles.push(bundle);
    return bundle;
  }

  /** Calls the binary in the bundle's directory. Whatever it does, it is over within the contract's 5 s. */
  async call(bundle: Bundle, action: 'start' | 'delete', input: Uint8Array = new Uint8Array()) {
    const args = ['-namespace', this.namespace, '-address', path.join(this.dir, 'c.sock')];
    args.push('-publish-binary', 'containerd', '-id', bundle.id);
    if (action === 'delete') args.push('-bundle', bundle.dir);
    return execa(this.#binary, [...args, action], {
      cwd: bundle.dir,
      env: this.environment,
      encoding: 'buffer',
      stripFinalNewline: false, // a protobuf may end in 0x0a
      input,
      timeout: CALL_TIMEOUT_MS,
      reject: false,
    });
  }

  get environment(): Readonly<Record<string, string>> {
    return {
      LXCRI_LINGER_MS: String(this.lingerMs),
      LXCRI_RUN_DIR: this.runDir,
      MAX_SHIM_VERSION: '2',
      TTRPC_ADDRESS: path.join(this.dir, 'c.sock.ttrpc'),
    };
  }

  /** `start`, and a connection to the address it prints. */
  async startShim(bundle: Bundle): Promise<Shim> {
    const result = await this.call(bundle, 'start');
    const address = Buffer.from(result.stdout).toString().trim();
    if (result.exitCode !== 0 || !address.startsWith('unix://')) {
      throw new Error(`start of ${bundle.id} failed: ${address} ${Buffer.from(result.stderr).toString()}`);
    }
    const client = await this.connect(address);
    const shim = { bundle, address, client, task: toServiceClient(TaskDefinition, client) };
    this.#shims.add(shim);
    return shim;
  }

  async connect(address: string): Promise<Client> {
    const socket = connect({ path: address.replace('unix://', '') });
    await once(socket, 'connect');
    const client = new NamespacedClient(socket);
    client.namespace = this.namespace;
    return client;
  }

  /** A further service over a shim's connection. */
  service<D extends ServiceDefinition>(definition: D, shim: Shim): ServiceClient<D> {
    return toServiceClient(definition, shim.client);
  }

  /** `delete`, as containerd calls it when a connection has closed. */
  async deleteShim(bundle: Bundle): Promise<DeleteResponse> {
    const result = await this.call(bundle, 'delete');
    if (result.exitCode !== 0)
      throw new Error(`delete of ${bundle.id} failed: ${Buffer.from(result.stderr).toString()}`);
    return DeleteResponse.decode(result.stdout);
  }

  /** Ends a container however far it got, in the order in which containerd does it. */
  async destroy(shim: Shim): Promise<void> {
    const { task, bundle, client } = shim;
    const init = { id: bundle.id, execId: '' };
    const ignore = () => undefined; // each step may have been done before
    const patience = { timeoutMs: 10_000 };
    await task.kill({ ...init, signal: 9, all: true }, patience).catch(ignore);
    await task.wait(init, patience).catch(ignore);
    await task.delete(init, patience).catch(ignore);
    await task.shutdown({ id: bundle.id, now: false }, patience).catch(ignore);
    client.close();
    await this.call(bundle, 'delete'); // runc's fails where nothing was created
    this.#shims.delete(shim);
  }

  /** Leaves nothing behind; @returns what had to be ended by force, one line each. */
  async stop(): Promise<string[]> {
    for (const shim of this.#shims) await this.destroy(shim);
    this.events.close();
    for (const { log } of this.#bundles) await log.close();
    const { dir, marker, lingerMs } = this;
    return cleanUp({ dir, marker, lingerMs, cgroups: [`/${this.namespace}`] });
  }
}

/** Create, as containerd asks for it. Without paths the container has no stdio. */
export const createRequest = (bundle: Bundle, changes: Partial<CreateTaskRequest> = {}): CreateTaskRequest => ({
  id: bundle.id,
  bundle: bundle.dir,
  rootfs: bundle.rootfs,
  terminal: false,
  stdin: '',
  stdout: '',
  stderr: '',
  checkpoint: '',
  parentCheckpoint: '',
  options: undefined,
  ...changes,
});
