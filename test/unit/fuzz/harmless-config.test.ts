import test from 'ava';
import { Random } from '../../chaos/random.ts';
import { isHarmless } from '../../fuzz/harmless-config.ts';
import { mutateConfig } from '../../fuzz/mutate-config.ts';

const SOUND = {
  ociVersion: '1.0.2',
  process: { args: ['true'], cwd: '/' },
  root: { path: 'rootfs' },
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid'] },
    { destination: '/run', type: 'tmpfs', source: 'tmpfs', options: ['mode=755'] },
  ],
  linux: { cgroupsPath: '/lx-abc/id', namespaces: [{ type: 'pid' }, { type: 'mount' }] },
};
const sound = JSON.stringify(SOUND);
const harmless = (changes: object) => isHarmless(Buffer.from(JSON.stringify({ ...SOUND, ...changes })), sound);

test('the sound one is harmless, and so is what is no JSON', (t) => {
  t.true(harmless({}));
  t.true(isHarmless(Buffer.from(`${sound}}`), sound));
  t.true(harmless({ mounts: 7, linux: [], root: null }));
});

const DANGEROUS: readonly (readonly [string, object])[] = [
  ['hooks', { hooks: {} }],
  ['a host name', { hostname: 'x' }],
  ['a source on the host', { mounts: [{ source: '/etc', type: 'none' }] }],
  ['a mount that binds', { mounts: [{ source: 'proc', type: 'bind' }] }],
  ['an option that binds', { mounts: [{ source: 'proc', options: ['rbind'] }] }],
  ['mounts in an object', { mounts: { a: { source: '/etc' } } }],
  ['another cgroup', { linux: { cgroupsPath: '/system.slice' } }],
  ['a namespace of the host', { linux: { namespaces: [{ type: 'network', path: '/proc/1/ns/net' }] } }],
  ['a sysctl', { linux: { sysctl: {} } }],
  ['another root', { root: { path: '/' } }],
];

for (const [what, changes] of DANGEROUS) {
  test(`not harmless: ${what}`, (t) => {
    t.false(harmless(changes));
  });
}

test('what is drawn is harmless, differs, and is the same for the same seed', (t) => {
  const draw = (seed: number) => mutateConfig(new Random(seed, 'test'), sound);
  const all = Array.from({ length: 500 }, (_, seed) => draw(seed));
  t.true(all.every((config) => isHarmless(config, sound)));
  t.true(new Set(all.map((config) => config.toString('latin1'))).size > 400);
  t.deepEqual(draw(7), all[7]);
});
