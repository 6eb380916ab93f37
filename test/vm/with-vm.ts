import type { TestFn } from 'ava';
import { startVm, type OwnVm, type StartOptions } from './start-vm.ts';

/** A machine that the tests of one file share. */
export class VmFixture {
  #vm: OwnVm | undefined;

  get vm(): OwnVm {
    if (this.#vm === undefined) throw new Error('the VM did not start; see the before hook');
    return this.#vm;
  }

  async start(options: StartOptions): Promise<void> {
    this.#vm = await startVm(options);
  }

  async stop(): Promise<void> {
    await this.#vm?.stop();
  }
}

/** Starts a machine before a file's tests and stops it after them. */
export function useVm(test: TestFn, options: StartOptions = {}): VmFixture {
  const fixture = new VmFixture();
  test.serial.before('start a VM', () => fixture.start(options));
  test.serial.after.always('stop the VM', () => fixture.stop());
  return fixture;
}
