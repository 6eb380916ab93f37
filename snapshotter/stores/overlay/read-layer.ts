import { readFromProgram } from '../../../common/exec-stream.ts';
import type { Work } from '../store.ts';

/** tar(1): some files changed while it read them, as those of a container do. */
const FILES_CHANGED = 1;

/** Reads every file, and every extended attribute, of a tree, by tar(1) to nowhere. @throws Error that names the file. */
export async function readTree(directory: string, { signal, progress }: Work): Promise<void> {
  const args = ['--create', '--file=-', '--sparse', '--xattrs', '--one-file-system', '--warning=no-file-ignored'];
  const options = { signal, accept: [FILES_CHANGED] };
  for await (const chunk of readFromProgram('tar', [...args, '--directory', directory, '.'], options)) {
    progress(chunk.length);
  }
}
