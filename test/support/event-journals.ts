import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { finalNameOf } from '../../common/atomic-file.ts';
import { hasErrorCode } from '../../common/files.ts';
import { EventJournal } from '../../shim/events/event-journal.ts';
import { eventually } from './eventually.ts';

async function journalsIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    // The last journal takes its directory with it.
    if (hasErrorCode(error, 'ENOENT')) return [];
    throw error;
  });
  const journals = entries.filter((entry) => entry.isFile() && finalNameOf(entry.name) === undefined);
  return journals.map((entry) => path.join(entry.parentPath, entry.name));
}

/** Waits until containerd has, and the journals say so, all that a shim daemon has to tell. */
export async function eventsTaken(runDir: string): Promise<void> {
  await eventually(async () => {
    const files = await journalsIn(path.join(runDir, 'events'));
    const contents = await Promise.all(files.map((file) => new EventJournal(file).read()));
    return contents.every(({ pending }) => pending.length === 0) ? true : undefined;
  });
}
