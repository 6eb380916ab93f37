/**
 * `npm run build`: dist/bin with the programs that containerd runs, dist/lib/proxmox-lxcri with what those need.
 * Both can be copied or put on a PATH from anywhere: the programs find the library directory beside them.
 *
 * The build id is the version and a hash of everything that goes in, so that each build has a daemon of its own and a
 * build of the same sources changes nothing.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, symlink, writeFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { execa } from 'execa';

const root = path.resolve(import.meta.dirname, '../..');
const dist = path.join(root, 'dist');
const bin = path.join(dist, 'bin');
const lib = path.join(dist, 'lib', 'proxmox-lxcri');

/** What ends up in the programs. */
const SOURCES = ['package-lock.json', 'common', 'proto/gen', 'shim', 'packaging/build/build.mjs'];

async function filesBelow(entry) {
  const full = path.join(root, entry);
  const children = await readdir(full, { recursive: true, withFileTypes: true }).catch(() => undefined);
  if (children === undefined) return [entry];
  return children
    .filter((child) => child.isFile())
    .map((child) => path.relative(root, path.join(child.parentPath, child.name)))
    .sort();
}

async function buildId(version) {
  const hash = createHash('sha256');
  for (const file of (await Promise.all(SOURCES.map(filesBelow))).flat()) {
    hash.update(`${file}\0`);
    hash.update(await readFile(path.join(root, file)));
  }
  return `${version}-${hash.digest('hex').slice(0, 8)}`;
}

async function bundle(entry, output, define) {
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
    define,
  });
}

async function native(version, id, revision) {
  const out = path.join(dist, 'native');
  const variables = [`OUT=${out}`, `VERSION=${version}`, `BUILD_ID=${id}`, `REVISION=${revision}`];
  await execa('make', ['-s', '-j2', '-C', path.join(root, 'shim/native'), ...variables, 'all'], {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: 300_000,
  });
  await install(path.join(out, 'containerd-shim-lxcri-v1'), bin);
  for (const program of ['lxcri-monitor', 'lxcri-lxc', 'lxcri-init']) await install(path.join(out, program), lib);
}

/** By rename: a program that runs cannot be overwritten, but replaced. */
async function install(program, directory) {
  const target = path.join(directory, path.basename(program));
  await execa('install', ['-m', '0755', program, `${target}.new`], { timeout: 10_000 });
  await rename(`${target}.new`, target);
}

async function link(name) {
  await rm(path.join(bin, name), { force: true });
  await symlink('containerd-shim-lxcri-v1', path.join(bin, name));
}

async function gitRevision() {
  const { stdout, failed } = await execa('git', ['-C', root, 'rev-parse', '--short', 'HEAD'], {
    reject: false,
    timeout: 10_000,
  });
  return failed ? 'unknown' : stdout;
}

const { version } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8'));
const id = await buildId(version);
const stamp = path.join(dist, '.build-id');
if ((await readFile(stamp, 'utf8').catch(() => '')) === id) {
  console.log(`dist/ is up to date (${id})`);
} else {
  await mkdir(bin, { recursive: true });
  await mkdir(lib, { recursive: true });
  await rm(stamp, { force: true });
  await Promise.all([
    bundle('shim/main.ts', 'shim.cjs', { LXCRI_VERSION: JSON.stringify(version), LXCRI_BUILD: JSON.stringify(id) }),
    native(version, id, await gitRevision()),
  ]);
  await link('containerd-shim-lxcri-lxc-v1');
  await writeFile(stamp, id);
  console.log(`built dist/ (${id})`);
}
