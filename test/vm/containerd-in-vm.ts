import { CHECKOUT_PATH } from './checkout.ts';
import { containerdConfig } from './containerd-config.ts';
import type { RunResult, Vm } from './vm.ts';

const DIR = '/var/lib/test-containerd';
const ADDRESS = `${DIR}/c.sock`;
const READY_MS = 60_000;
const COMMAND_MS = 120_000;

const PLACES = { root: `${DIR}/root`, state: '/run/test-containerd', address: ADDRESS };
const CONFIG = `${containerdConfig(PLACES)}[proxy_plugins.layerfs.exports]
  root = "/var/lib/layerfs"
`;

/** containerd in a machine, with this checkout's shim on its PATH and LayerFS as a snapshotter. */
export class ContainerdInVm {
  readonly #vm: Vm;

  private constructor(vm: Vm) {
    this.#vm = vm;
  }

  /** LayerFS has to run already. Both end with the machine. */
  static async start(vm: Vm): Promise<ContainerdInVm> {
    await vm.succeed(['mkdir', '-p', DIR]);
    await vm.succeed(['tee', `${DIR}/config.toml`], { input: CONFIG });
    const env = { PATH: CHECKOUT_PATH };
    vm.spawn(['containerd', '--config', `${DIR}/config.toml`], { env }).child.catch(() => undefined);
    const ready = `until ctr --address ${ADDRESS} version >/dev/null 2>&1; do sleep 0.2; done`;
    await vm.succeed(['sh', '-c', ready], { timeoutMs: READY_MS });
    return new ContainerdInVm(vm);
  }

  /** Runs ctr, whatever its exit status, which for `run` is the container's. */
  ctr(...args: readonly string[]): Promise<RunResult> {
    return this.#vm.run(['ctr', '--address', ADDRESS, ...args], { timeoutMs: COMMAND_MS });
  }
}
