import type { TestFn } from 'ava';
import { CHECKOUT_BIN } from './checkout.ts';
import { LAYERFS_SOCKET } from './containerd-config.ts';
import type { OwnVm } from './start-vm.ts';
import { VmFixture } from './with-vm.ts';

const POOL = 'tank';
const READY_MS = 60_000;

/** The zfs store in a machine: a pool on its scratch disk, and a daemon of this checkout's dist/. */
export class LayerFsFixture {
  readonly socket = LAYERFS_SOCKET;
  readonly root = '/var/lib/layerfs';
  readonly dataset = `${POOL}/layerfs`;
  readonly #fixture = new VmFixture();
  #log: () => string = () => '';

  get vm(): OwnVm {
    return this.#fixture.vm;
  }

  async start(): Promise<void> {
    await this.#fixture.start({});
    await this.vm.succeed(['zpool', 'create', '-O', 'mountpoint=none', POOL, '/dev/disk/by-id/virtio-scratch']);
    const daemon = this.vm.spawn([`${CHECKOUT_BIN}/layerfs-snapshotter`, '--log-level', 'debug']);
    const log: string[] = [];
    daemon.child.stderr?.on('data', (text: Buffer) => log.push(text.toString()));
    // It ends with the machine.
    daemon.child.catch(() => undefined);
    this.#log = () => log.join('');
    const ready = `until [ -S ${this.socket} ]; do sleep 0.2; done`;
    await this.vm.succeed(['sh', '-c', ready], { timeoutMs: READY_MS });
  }

  /** What the daemon has logged. */
  get log(): string {
    return this.#log();
  }

  async stop(): Promise<void> {
    await this.#fixture.stop();
  }
}

/** Starts a machine with LayerFS before a file's tests, and stops it after them. */
export function useLayerFs(test: TestFn): LayerFsFixture {
  const fixture = new LayerFsFixture();
  test.serial.before('start a VM with LayerFS', () => fixture.start());
  test.serial.after.always('stop the VM', () => fixture.stop());
  return fixture;
}
