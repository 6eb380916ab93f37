import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { rm } from 'node:fs/promises';
import test from 'ava';
import { execa } from 'execa';
import { BUSYBOX_IMAGE, writeImageArchive } from '../../support/oci-image.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

test('the image archive has the same bytes each time, and is one that tar reads', async (t) => {
  const dir = await makeTempDir();
  t.teardown(() => rm(dir, { recursive: true }));
  const files = ['one.tar', 'two.tar'].map((name) => path.join(dir, name));
  for (const file of files) await writeImageArchive(file);
  const [one, two] = await Promise.all(files.map((file) => readFile(file)));
  t.true(one !== undefined && two !== undefined && one.equals(two));

  const { stdout } = await execa('tar', ['-xOf', files[0] ?? '', 'index.json'], { timeout: 10_000 });
  const index = JSON.parse(stdout) as { manifests: { annotations: Record<string, string> }[] };
  t.is(index.manifests[0]?.annotations['io.containerd.image.name'], BUSYBOX_IMAGE.name);
});
