import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { RUNTIME } from '../support/runtimes.ts';
import { ShimHost, createRequest } from '../support/shim-host.ts';

/** What nothing that runs in a container may change. */
async function hostDevices(): Promise<string[]> {
  const paths = ['/dev/null', '/dev/zero', '/dev/tty', '/dev/ptmx'];
  return Promise.all(
    paths.map(async (each) => {
      const { mode, uid, gid } = await stat(each);
      return `${each} ${mode.toString(8)} ${uid}:${gid}`;
    }),
  );
}

test('an image with a plain file at /dev/null does not change the host device', async (t) => {
  const host = await ShimHost.start(RUNTIME);
  t.teardown(() => host.stop());
  await writeFile(path.join(host.imageDir, 'dev', 'null'), 'from the image');
  const before = await hostDevices();
  const shim = await host.startShim(await host.makeBundle({ args: ['true'] }));
  const { bundle, task } = shim;
  const init = { id: bundle.id, execId: '' };
  await task.create(createRequest(bundle));
  await task.start(init);
  t.is((await task.wait(init)).exitStatus, 0);
  t.deepEqual(await hostDevices(), before);
});
