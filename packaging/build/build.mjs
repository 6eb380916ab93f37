/**
 * `npm run build`: dist/bin with the programs that containerd runs, dist/lib/proxmox-lxcri with what those need.
 * Both can be copied or put on a PATH from anywhere: the programs find the library directory beside them.
 *
 * The build id is the version and a hash of everything that goes in, so that each build has a daemon of its own and a
 * build of the same sources changes nothing.
 */
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { execa } from 'execa';

const root = path.resolve(import.meta.dirname, '../..');
const dist = path.join(root, 'dist');
const bin = path.join(dist, 'bin');
const lib = path.join(dist, 'lib', 'proxmox-lxcri');

/** What ends up in the shim's programs, and in all of them. */
const SHIM_SOURCES = [
  'package-lock.json',
  'common',
  'proto/gen',
  'shim',
  'packaging/build/build.mjs',
  'packaging/build/native',
];
const SOURCES = [...SHIM_SOURCES, 'snapshotter'];

async function filesBelow(entry) {
  const full = path.join(root, entry);
  const children = await readdir(full, { recursive: true, withFileTypes: true }).catch(() => undefined);
  if (children === undefined) return [entry];
  return children
    .filter((child) => child.isFile())
    .map((child) => path.relative(root, path.join(child.parentPath, child.name)))
    .sort();
}

async function buildId(version, sources) {
  const hash = createHash('sha256');
  for (const file of (await Promise.all(sources.map(filesBelow))).flat()) {
    hash.update(`${file}\0`);
    hash.update(await readFile(path.join(root, file)));
  }
  return `${version}-${hash.digest('hex').slice(0, 8)}`;
}

async function bundle(entry, output, options) {
  await build({
    entryPoints: [path.join(root, entry)],
    outfile: path.join(lib, output),
    bundle: true,
    platform: 'node',
    target: 'node20',
    // CommonJS loads faster than ESM, and the packages in the bundle that are CommonJS stay as they are.
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    sourcemap: 'linked',
    logLevel: 'warning',
    ...options,
  });
}

/** A bundle that people and units run by its name in bin. */
async function program(entry, name, define) {
  const output = `${name}.cjs`;
  await bundle(entry, output, { define, banner: { js: '#!/usr/bin/env node' } });
  await chmod(path.join(lib, output), 0o755);
  await link(name, path.join('..', path.relative(dist, lib), output));
}

async function native(version, id, revision) {
  const out = path.join(dist, 'native');
  const variables = [`OUT=${out}`, `VERSION=${version}`, `BUILD_ID=${id}`, `REVISION=${revision}`];
  for (const directory of ['shim/native', 'snapshotter/native']) {
    await execa('make', ['-s', '-j2', '-C', path.join(root, directory), ...variables, 'all'], {
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: 300_000,
    });
  }
  await install(path.join(out, 'containerd-shim-lxcri-v1'), bin);
  const helpers = ['lxcri-keeper', 'lxcri-monitor', 'lxcri-lxc', 'lxcri-init', 'lxcri-seccomp', 'layerfs-worker'];
  for (const helper of helpers) await install(path.join(out, helper), lib);
}

/** By rename: a program that runs cannot be overwritten, but replaced. */
async function install(program, directory) {
  const target = path.join(directory, path.basename(program));
  await execa('install', ['-m', '0755', program, `${target}.new`], { timeout: 10_000 });
  await rename(`${target}.new`, target);
}

async function link(name, target) {
  await rm(path.join(bin, name), { force: true });
  await symlink(target, path.join(bin, name));
}

async function gitRevision() {
  const { stdout, failed } = await execa('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], {
    reject: false,
    timeout: 10_000,
  });
  return failed ? 'unknown' : stdout;
}

const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
const id = await buildId(version, SOURCES);
const shimId = await buildId(version, SHIM_SOURCES);
const stamp = path.join(dist, '.build-id');
if ((await readFile(stamp, 'utf8').catch(() => '')) === id) {
  console.log(`dist/ is up to date (${id})`);
} else {
  await mkdir(bin, { recursive: true });
  await mkdir(lib, { recursive: true });
  await rm(stamp, { force: true });
  const defineVersion = { LXCRI_VERSION: JSON.stringify(version) };
  await Promise.all([
    bundle('shim/main.ts', 'shim.cjs', { define: { ...defineVersion, LXCRI_BUILD: JSON.stringify(shimId) } }),
    program('snapshotter/main.ts', 'layerfs-snapshotter', defineVersion),
    program('shim/cli/main.ts', 'proxmox-lxcri', defineVersion),
    native(version, shimId, await gitRevision()),
  ]);
  // By rename, as a keeper may read it at any moment; it tells the keeper which daemon it would start from here.
  await writeFile(path.join(lib, 'build.new'), `${shimId}\n`);
  await rename(path.join(lib, 'build.new'), path.join(lib, 'build'));
  await link('containerd-shim-lxcri-lxc-v1', 'containerd-shim-lxcri-v1');
  await writeFile(stamp, id);
  console.log(`built dist/ (${id})`);
}
