import { open, type FileHandle } from 'node:fs/promises';
import { constants } from 'node:os';
import path from 'node:path';
import { listDatasets } from '../../../../snapshotter/stores/zfs/list-datasets.ts';
import { decodeRecord, RECORD_PROPERTY } from '../../../../snapshotter/stores/zfs/record.ts';
import type { Place } from './bed.ts';

export interface Failure {
  readonly code: number;
  readonly details: string;
}

/** What a call that has to fail is answered. */
export async function failureOf(call: Promise<unknown>): Promise<Failure> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error && 'details' in error && 'code' in error) {
      return { code: Number(error.code), details: String(error.details) };
    }
    throw error;
  }
  return { code: 0, details: '' };
}

const MIB = 1 << 20;

/** Writes so many MiB that do not compress to a file. @returns the errno with which that ended, or `no error`. */
export async function fill(directory: string, mebibytes: number): Promise<string> {
  const random = Buffer.alloc(MIB);
  let file: FileHandle | undefined;
  try {
    file = await open(path.join(directory, 'filler'), 'w');
    for (let i = 0; i < mebibytes; i++) {
      crypto.getRandomValues(random.subarray(0, 65_536));
      for (let at = 65_536; at < MIB; at += 65_536) random.copy(random, at, 0, 65_536);
      await file.write(random);
      // What a quota forbids is known once a transaction is through.
      if (i % 4 === 3) await file.sync();
    }
    return 'no error';
  } catch (error) {
    // Node has no name for EDQUOT.
    if (error instanceof Error && 'errno' in error && error.errno === -constants.errno.EDQUOT) return 'EDQUOT';
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  } finally {
    await file?.close().catch(() => undefined);
  }
}

/** The id of an active or committed layer. */
export async function idOf({ dataset: root }: Place, name: string): Promise<string> {
  const datasets = await listDatasets(root);
  const snapshots = new Map(datasets.map((dataset) => [dataset.name, dataset]));
  const found = datasets.flatMap((dataset) => {
    const id = path.basename(dataset.name);
    const { properties } = snapshots.get(`${dataset.name}@layer`) ?? dataset;
    const layer = dataset.name.includes('@') ? undefined : decodeRecord(RECORD_PROPERTY, id, properties);
    return layer?.name === name ? [id] : [];
  });
  if (found.length !== 1) throw new Error(`${found.length} datasets are ${name}`);
  return found[0] ?? '';
}
