import { realpath } from 'node:fs/promises';
import { failedPrecondition, messageOf } from '../../../common/errors.ts';
import type { DatasetNames } from './names.ts';
import { zfsStoreCommand } from './zfs-command.ts';
import { isModuleLoaded } from './zfs-module.ts';

/** For layers of images: many small files, read more often than written. None is set where an administrator chose. */
const ROOT_PROPERTIES = {
  mountpoint: 'legacy',
  compression: 'lz4',
  atime: 'off',
  xattr: 'sa',
  acltype: 'posixacl',
  'com.sun:auto-snapshot': 'false',
};

const zfs = (...args: readonly string[]) => zfsStoreCommand(args);

/** On the store's dataset: the directory of the daemon that it belongs to. Two daemons would destroy each other's layers. */
const OWNER_PROPERTY = 'layerfs:root';

/**
 * Makes the store's dataset and the empty layer in it, where they are not there yet.
 * @param isNew false: the dataset was there once. An empty one in its place would make containerd forget all images.
 * @throws StatusError
 */
export async function preparePool(names: DatasetNames, root: string, isNew = false): Promise<void> {
  if (!(await isModuleLoaded())) {
    throw failedPrecondition(
      `dataset ${names.root} cannot be reached: the kernel module zfs is not loaded: run \`modprobe zfs\`` +
        (isNew ? ', or use --store overlay' : ''),
    );
  }
  const mountpoint = await readProperty(names.root, 'mountpoint');
  if (mountpoint === undefined && !isNew) {
    throw failedPrecondition(
      `dataset ${names.root}, in which ${root} keeps its layers, is not there: import its pool (\`zpool import\`); or, ` +
        `when its images and containers are gone for good, remove ${root}/store.json`,
    );
  }
  if (mountpoint === undefined) await createRoot(names.root, root);
  else if (mountpoint !== 'legacy') {
    throw failedPrecondition(
      `dataset ${names.root} has mountpoint=${mountpoint}: LayerFS needs one of its own. Name another with --dataset, ` +
        `or, if nothing else is in it, run \`zfs set mountpoint=legacy ${names.root}\``,
    );
  }
  await checkOwner(names.root, root);
  if (!(await exists(`${names.empty}@layer`))) {
    if (!(await exists(names.empty))) await zfs('create', names.empty);
    await zfs('snapshot', `${names.empty}@layer`);
  }
}

async function checkOwner(dataset: string, root: string): Promise<void> {
  const owner = await readProperty(dataset, OWNER_PROPERTY);
  if (owner === root || (owner !== undefined && (await isSame(owner, root)))) return;
  if (owner === undefined || owner === '-') {
    await zfs('set', `${OWNER_PROPERTY}=${root}`, dataset);
    return;
  }
  throw failedPrecondition(
    `dataset ${dataset} belongs to the layerfs-snapshotter with --root ${owner}: use that, or another --dataset. To move ` +
      `it to ${root}, stop that daemon and run \`zfs set ${OWNER_PROPERTY}=${root} ${dataset}\``,
  );
}

/** The owner's may lead to this directory by a symbolic link, which an earlier start did not resolve. */
const isSame = async (owner: string, root: string) => (await realpath(owner).catch(() => owner)) === root;

/** @returns undefined if there is no such dataset. */
async function readProperty(dataset: string, property: string): Promise<string | undefined> {
  return (await exists(dataset)) ? zfs('get', '-Hp', '-o', 'value', property, dataset) : undefined;
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

async function createRoot(dataset: string, root: string): Promise<void> {
  const properties = { ...ROOT_PROPERTIES, [OWNER_PROPERTY]: root };
  const options = Object.entries(properties).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  try {
    await zfs('create', ...options, dataset);
  } catch (cause) {
    const message = messageOf(cause);
    throw failedPrecondition(`cannot create dataset ${dataset}: is its pool imported? ${message}`, { cause });
  }
}
