import { readFile, readlink, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { RUNTIME } from '../support/runtimes.ts';
import type { TestSpec } from '../support/shim-bundle.ts';
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

test('a container with the host network has that, and finds no command socket of liblxc in it', async (t) => {
  const host = await ShimHost.start(RUNTIME);
  t.teardown(() => host.stop());
  const stdout = path.join(host.dir, 'output');
  const share = (spec: TestSpec) => {
    const namespaces = spec.linux['namespaces'] as { type: string }[];
    spec.linux['namespaces'] = namespaces.filter(({ type }) => type !== 'network');
  };
  const script = `readlink /proc/self/ns/net; grep -c '${host.marker}.*/command$' /proc/net/unix`;
  const shim = await host.startShim(await host.makeBundle({ args: ['sh', '-c', script], edit: share }));
  const { bundle, task } = shim;
  const init = { id: bundle.id, execId: '' };
  await task.create(createRequest(bundle, { stdout: `file://${stdout}` }));
  await task.start(init);
  await task.wait(init);
  t.is(await readFile(stdout, 'utf8'), `${await readlink('/proc/self/ns/net')}\n0\n`);
});
