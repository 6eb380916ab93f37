import { exec } from '../../../common/exec.ts';

export const QEMU = 'qemu-system-x86_64';

/** @throws Error telling how to get QEMU, if it is not there. */
export async function qemuVersion(): Promise<string> {
  const version = await exec(QEMU, ['--version'], { timeoutMs: 10_000 }).catch((error: unknown) => {
    throw new Error(`cannot run ${QEMU}. Run sh packaging/build/setup.sh, which installs it.`, { cause: error });
  });
  return version.split('\n')[0] ?? version;
}
