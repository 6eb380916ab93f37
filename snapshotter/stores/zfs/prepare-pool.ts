import { failedPrecondition, StatusError, Code } from '../../../common/errors.ts';
import { exec } from '../../../common/exec.ts';
import type { DatasetNames } from './names.ts';

const TIMEOUT_MS = 60_000;

/** For layers of images: many small files, read more often than written. None is set where an administrator chose. */
const ROOT_PROPERTIES = {
  mountpoint: 'legacy',
  compression: 'lz4',
  atime: 'off',
  xattr: 'sa',
  acltype: 'posixacl',
  'com.sun:auto-snapshot': 'false',
};

const zfs = (...args: readonly string[]) => exec('zfs', args, { timeoutMs: TIMEOUT_MS });

/** Makes the store's dataset and the empty layer in it, where they are not there yet. @throws StatusError */
export async function preparePool(names: DatasetNames): Promise<void> {
  const mountpoint = await readMountpoint(names.root);
  if (mountpoint === undefined) await createRoot(names.root);
  else if (mountpoint !== 'legacy') {
    throw failedPrecondition(
      `dataset ${names.root} has mountpoint=${mountpoint}: LayerFS needs one of its own. Name another with --dataset, ` +
        `or, if nothing else is in it, run \`zfs set mountpoint=legacy ${names.root}\``,
    );
  }
  if (!(await exists(`${names.empty}@layer`))) {
    if (!(await exists(names.empty))) await zfs('create', names.empty);
    await zfs('snapshot', `${names.empty}@layer`);
  }
}

async function readMountpoint(dataset: string): Promise<string | undefined> {
  return (await exists(dataset)) ? zfs('get', '-Hp', '-o', 'value', 'mountpoint', dataset) : undefined;
}

async function exists(dataset: string): Promise<boolean> {
  try {
    await zfs('list', '-H', '-o', 'name', dataset);
    return true;
  } catch (error) {
    if (error instanceof Error && error.message.includes('does not exist')) return false;
    throw error;
  }
}

async function createRoot(dataset: string): Promise<void> {
  const options = Object.entries(ROOT_PROPERTIES).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  try {
    await zfs('create', ...options, dataset);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new StatusError(
      Code.FailedPrecondition,
      `cannot create dataset ${dataset}: is its pool imported? ${message}`,
      {
        cause,
      },
    );
  }
}
