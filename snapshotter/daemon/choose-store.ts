import path from 'node:path';
import { failedPrecondition, messageOf } from '../../common/errors.ts';
import { exec } from '../../common/exec.ts';
import { readTextIfExists } from '../../common/files.ts';
import { writeDurableFile } from '../../common/durable-file.ts';
import { readLines } from '../../common/lines.ts';
import type { StoreKind } from '../stores/store.ts';
import { isModuleLoaded } from '../stores/zfs/zfs-module.ts';
import type { Settings } from './command-line.ts';

export interface Choice {
  readonly kind: StoreKind;
  /** The zfs store's dataset. */
  readonly dataset?: string;
  /** Why this one, for people. */
  readonly why: string;
  /** It was chosen at an earlier start: layers may be there. */
  readonly isKnown?: boolean;
}

const TIMEOUT_MS = 30_000;

/**
 * Which store this daemon keeps layers in. What was once chosen stays: containerd forgets every image whose layers it
 * does not find, and a pool that is not imported yet must not look like an empty store.
 * @throws StatusError FailedPrecondition
 */
export async function chooseStore(settings: Settings): Promise<Choice> {
  const file = choiceFile(settings.root);
  const text = await readTextIfExists(file);
  if (text === undefined) return chooseFirst(settings);
  const earlier = parseChoice(text, file);
  const { store, dataset } = settings;
  const asked = dataset !== undefined && store === 'auto' ? 'zfs' : store;
  const differs =
    (asked !== 'auto' && asked !== earlier.kind) || (dataset !== undefined && dataset !== earlier.dataset);
  if (!differs) return { ...earlier, why: `${file} says so`, isKnown: true };
  throw failedPrecondition(
    `${settings.root} keeps its layers in ${describe(earlier)}: start with that, or with another --root ` +
      `(or, when its images and containers are gone, remove ${file})`,
  );
}

/** Keeps the choice for all later starts. */
export async function rememberStore(root: string, { kind, dataset }: Choice): Promise<void> {
  await writeDurableFile(choiceFile(root), `${JSON.stringify({ kind, dataset })}\n`);
}

const choiceFile = (root: string) => path.join(root, 'store.json');
const describe = ({ kind, dataset }: Choice) => (dataset === undefined ? `the ${kind} store` : `dataset ${dataset}`);

function parseChoice(text: string, file: string): Choice {
  try {
    const { kind, dataset } = JSON.parse(text) as Record<string, unknown>;
    if (kind === 'overlay') return { kind, why: '' };
    if (kind === 'zfs' && typeof dataset === 'string') return { kind, dataset, why: '' };
  } catch {
    // The same as any other content that is no choice.
  }
  throw failedPrecondition(
    `${file} does not say which store is in use: write {"kind": "overlay"} or {"kind": "zfs", "dataset": "rpool/layerfs"}`,
  );
}

async function chooseFirst({ store, dataset }: Settings): Promise<Choice> {
  if (store === 'overlay') return { kind: 'overlay', why: '--store says so' };
  if (dataset !== undefined) return { kind: 'zfs', dataset, why: '--dataset says so' };
  const pools = await importedPools();
  const [first] = pools;
  if (typeof pools === 'string' || first === undefined) {
    const why = typeof pools === 'string' ? pools : 'no pool is imported';
    if (store === 'auto') return { kind: 'overlay', why };
    throw failedPrecondition(`--store zfs: ${why}; create or import a pool, or use --store overlay`);
  }
  // The pool that Proxmox installs on.
  const pool = pools.length === 1 ? first : pools.find((name) => name === 'rpool');
  if (pool === undefined) {
    throw failedPrecondition(
      `several pools are imported (${pools.join(', ')}): choose one with --dataset, e.g. ${first}/layerfs`,
    );
  }
  return { kind: 'zfs', dataset: `${pool}/layerfs`, why: `pool ${pool} is imported` };
}

/** @returns why there can be none, where this host has no ZFS. */
async function importedPools(): Promise<string[] | string> {
  if (!(await isModuleLoaded())) return 'the kernel module zfs is not loaded';
  try {
    return readLines(await exec('zpool', ['list', '-H', '-o', 'name'], { timeoutMs: TIMEOUT_MS }));
  } catch (error) {
    return `zpool cannot be run: ${messageOf(error)}`;
  }
}
