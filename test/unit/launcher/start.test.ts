import {
  chmod,
  chown,
  mkdir,
  readFile,
  readdir,
  readlink,
  rm,
  rmdir,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { eventually } from '../../support/eventually.ts';
import { descriptorsOf } from '../../support/process-usage.ts';
import { isAlive } from '../../support/processes.ts';
import { BUILD_ID } from './support/build.ts';
import { World, containerdFlags } from './support/world.ts';

const ifRoot = process.getuid?.() === 0 ? test : test.skip;

/** All at once. @returns the pids of the daemons that answered. */
function startAHundred(t: ExecutionContext, world: World): Promise<number[]> {
  return Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const { stdout, stderr } = await world.start(`c${i}`);
      t.is(stdout + stderr, world.address);
      return world.ping();
    }),
  );
}

test('start prints the address and nothing else, and a daemon answers there', async (t) => {
  const world = await World.create(t);
  const { exitCode, stdout, stderr } = await world.start();
  t.is(stderr, '');
  t.is(stdout, world.address);
  t.is(exitCode, 0);
  t.is(await world.ping(), (await world.onlyReport()).pid);
});

test('start writes into the bundle what containerd and the daemon look for', async (t) => {
  const world = await World.create(t);
  await world.start('hello', { env: { TTRPC_ADDRESS: '/run/containerd/containerd.sock.ttrpc' } });
  t.deepEqual((await readdir(world.bundle)).sort(), ['address', 'publisher']);
  t.is(await readFile(path.join(world.bundle, 'address'), 'utf8'), world.address);
  t.is(
    await readFile(path.join(world.bundle, 'publisher'), 'utf8'),
    'ttrpc=/run/containerd/containerd.sock.ttrpc\ngrpc=/run/containerd/containerd.sock\nbinary=/usr/bin/containerd\n',
  );
  for (const name of ['address', 'publisher'])
    t.is((await stat(path.join(world.bundle, name))).mode & 0o7777, 0o600, name);
});

test('a second start finds the first one’s keeper, and is much faster than Node', async (t) => {
  const world = await World.create(t);
  await world.start('first');
  const [keeper, daemon] = [await world.keeper(), await world.ping()];
  const { stdout } = await world.start('second');
  t.is(stdout, world.address);
  t.is(await world.keeper(), keeper);
  t.is(await world.ping(), daemon);
  t.is((await world.startReports()).length, 1);
});

test('a hundred starts at once begin one daemon, and every address is alive', async (t) => {
  const world = await World.create(t);
  const pids = await startAHundred(t, world);
  t.is(new Set(pids).size, 1);
  t.is((await world.onlyReport()).pid, pids[0] ?? 0);
});

test('after a kill -9 of the keeper, a hundred starts at once begin one new keeper', async (t) => {
  const world = await World.create(t);
  await world.start();
  const daemon = await world.ping();
  const keeper = await world.keeper();
  await world.kill(keeper);
  const pids = await startAHundred(t, world);
  t.is(new Set(pids).size, 1);
  t.not(pids[0], daemon);
  t.not(await world.keeper(), keeper);
  t.is((await world.startReports()).length, 2);
});

test('each namespace has a socket of its own, and its first start makes it', async (t) => {
  const world = await World.create(t);
  await world.start();
  const { stdout, stderr } = await world.run(['-namespace', 'k8s.io', '-id', 'pod', 'start']);
  t.is(stderr, '');
  t.is(stdout, world.address.replace(/default$/, 'k8s.io'));
  t.is(await world.ping(stdout.replace('unix://', '')), await world.ping());
  t.is((await world.startReports()).length, 1);
});

test('what a killed keeper left is removed by the next start', async (t) => {
  const world = await World.create(t);
  await world.start();
  await world.run(['-namespace', 'other', '-id', 'x', 'start']);
  const daemon = await world.ping();
  await world.kill(await world.keeper());
  await eventually(async () => ((await isAlive(daemon)) ? undefined : true));
  await writeFile(path.join(world.daemonDir, 'relay.99'), '');
  t.is((await world.start()).stdout, world.address);
  await world.ping();
  t.deepEqual(await readdir(path.join(world.runDir, 'sockets')), ['default']);
  t.deepEqual((await readdir(world.daemonDir)).sort(), ['relay.1', 'shim.log']);
});

test('a namespace too long for a socket’s path is refused by name', async (t) => {
  const world = await World.create(t);
  const env = { LXCRI_RUN_DIR: `${world.runDir}-of-some-length` };
  const { exitCode, stderr } = await world.run(['-namespace', 'n'.repeat(76), '-id', 'x', 'start'], { env });
  t.is(exitCode, 1);
  t.true(stderr.includes('namespace') && stderr.includes('LXCRI_RUN_DIR'), stderr);
  t.deepEqual((await readdir(world.dir)).sort(), ['bin', 'bundle', 'lib']);
});

test('all directories and files belong to us alone', async (t) => {
  const world = await World.create(t);
  await world.start();
  await world.ping();
  const mode = async (file: string) => (await stat(file)).mode & 0o7777;
  // Others may pass through, to a container's directory that user namespaces must reach, but see nothing.
  t.is(await mode(world.runDir), 0o711);
  for (const directory of [world.daemonDir, path.dirname(world.namespaceSocket)])
    t.is(await mode(directory), 0o700, directory);
  const relay = path.join(world.daemonDir, 'relay.1');
  for (const file of [world.keeperSocket, world.namespaceSocket, world.lock, world.log, relay])
    t.is(await mode(file), 0o600, file);
});

test('the daemon inherits its two sockets and nothing else', async (t) => {
  const world = await World.create(t);
  // Twenty pipes that containerd might have open, besides the three that it reads: any one of them kept would hang it.
  const extra = Array.from({ length: 20 }, () => 'pipe' as const);
  const { exitCode } = await execa(world.binary, [...containerdFlags('hello'), 'start'], {
    cwd: world.bundle,
    stdio: ['pipe', 'pipe', 'pipe', ...extra],
    env: {
      ...{ LXCRI_RUN_DIR: world.runDir, LXCRI_LOG: 'debug' },
      ...{ TTRPC_ADDRESS: '/t', GRPC_ADDRESS: '/g', NOTIFY_SOCKET: '/n', NODE_OPTIONS: '--bad' },
    },
  });
  t.is(exitCode, 0);
  const report = await world.onlyReport();
  const inherited = report.descriptors.filter(([, target]) => !target.startsWith('anon_inode:'));
  const own = new Map(inherited.filter(([fd]) => fd <= 4));
  t.is(own.get(0), '/dev/null');
  t.is(own.get(1), world.log);
  t.is(own.get(2), world.log);
  t.regex(own.get(3) ?? '', /^socket:/);
  t.regex(own.get(4) ?? '', /^socket:/);
  // Node opens pipes of its own, both ends; one of ours would be there with one end only.
  const pipes = inherited.map(([, target]) => target).filter((target) => target.startsWith('pipe:'));
  for (const pipe of pipes) t.is(pipes.filter((other) => other === pipe).length, 2, pipe);
  t.deepEqual(
    report.descriptors.filter(([fd]) => fd > 4 && fd < 100).filter(([, target]) => /^(socket|\/)/.test(target)),
    [],
  );
  t.deepEqual(report.childDescriptors.slice(0, 4), [0, 1, 2, 3], 'what the daemon runs gets 0-2 (3 is ls’s own)');
  t.is(report.childDescriptors.length, 4);

  t.deepEqual(
    Object.keys(report.env)
      .filter((name) => !['HOME', 'LANG', 'PATH'].includes(name))
      .sort(),
    ['LXCRI_BUILD', 'LXCRI_KEEPER', 'LXCRI_LIB_DIR', 'LXCRI_LOG', 'LXCRI_RUN_DIR'],
  );
  const keeper = await world.keeper();
  const stat = await readFile(`/proc/${keeper}/stat`, 'utf8');
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[22 - 3];
  t.is(report.env['LXCRI_KEEPER'], `${keeper}.${started}`);
  t.is(report.env['LXCRI_BUILD'], BUILD_ID);
  t.is(report.env['LXCRI_RUN_DIR'], world.runDir);
  t.is(report.env['LXCRI_LIB_DIR'], path.join(world.dir, 'lib/proxmox-lxcri'));
});

test('the keeper holds its lock and what it waits for, and nothing of its starter’s', async (t) => {
  const world = await World.create(t);
  const extra = Array.from({ length: 20 }, () => 'pipe' as const);
  await execa(world.binary, [...containerdFlags('hello'), 'start'], {
    cwd: world.bundle,
    stdio: ['pipe', 'pipe', 'pipe', ...extra],
    env: { LXCRI_RUN_DIR: world.runDir, NOTIFY_SOCKET: '/n' },
  });
  await world.ping();
  const keeper = await world.keeper();
  const descriptors = await descriptorsOf(keeper);
  const kinds = [...descriptors.values()].filter(Boolean).map((target) => target.replace(/\[?\d+\]?$/, ''));
  t.is(descriptors.get(3), world.lock);
  const wanted = [
    '/dev/null',
    'anon_inode:[eventpoll]',
    'anon_inode:inotify',
    'anon_inode:[signalfd]',
    'net:',
    'socket:',
    world.lock,
  ];
  t.deepEqual([...new Set(kinds)].sort(), wanted.sort());
  t.false((await readFile(`/proc/${keeper}/environ`, 'utf8')).includes('NOTIFY_SOCKET'));
});

ifRoot('all daemons share a network that is not the host’s, where the keeper is', async (t) => {
  const world = await World.create(t);
  await world.start();
  const pid = await world.ping();
  const host = await readlink('/proc/self/ns/net');
  t.is(await readlink(`/proc/${await world.keeper()}/ns/net`), host);
  process.kill(pid, 'SIGKILL');
  t.not(await world.ping(), pid);
  const networks = (await world.startReports()).map(({ network }) => network);
  t.is(networks.length, 2);
  t.is(networks[0], networks[1] ?? '');
  t.not(networks[0], host);
});

test('the daemon has a session, a directory, a mask and signals of its own', async (t) => {
  const world = await World.create(t);
  const ignoring = 'trap "" HUP INT QUIT TERM USR1 CHLD; exec "$0" "$@"';
  const args = ['-namespace', 'default', '-id', 'hello', 'start'];
  const options = { cwd: world.bundle, env: { LXCRI_RUN_DIR: world.runDir } };
  await execa('sh', ['-c', ignoring, world.binary, ...args], options);
  const report = await world.onlyReport();
  t.is(report.cwd, '/');
  t.is(report.umask, 0o077);
  const [parent, group, session] = report.stat
    .slice(report.stat.lastIndexOf(')') + 4)
    .split(' ')
    .map(Number);
  t.is(group, report.pid);
  t.is(session, report.pid);
  t.is(parent, await world.keeper());
  t.regex(report.status, /^SigBlk:\t0+$/m);
  // 13 is SIGPIPE, which Node itself ignores; 25 is SIGXFSZ, likewise.
  t.regex(report.status, /^SigIgn:\t0000000001001000$/m);
});

ifRoot('the daemon is in nobody’s cgroup but its own', async (t) => {
  const world = await World.create(t);
  await world.start();
  const { cgroups } = await world.onlyReport();
  for (const line of cgroups.trim().split('\n'))
    t.regex(line.replace(/^\d+:[^:]*:/, ''), /^\/(proxmox-lxcri\/daemon)?$/, line);
});

test('the path of Node can be chosen, and links to the program find their library', async (t) => {
  const world = await World.create(t);
  const node = path.join(world.dir, 'my-node');
  await writeFile(node, `#!/bin/sh\nexec '${process.execPath}' --title=my-node "$@"\n`, { mode: 0o755 });
  const link = path.join(world.dir, 'containerd-shim-lxcri-pve-v1');
  await symlink(world.binary, link);
  const { stdout } = await execa(link, ['-namespace', 'default', '-id', 'i', 'start'], {
    cwd: world.bundle,
    env: { LXCRI_RUN_DIR: `${world.runDir}///`, LXCRI_NODE: node },
  });
  t.is(stdout, world.address);
  t.true((await world.onlyReport()).execArgv.includes('--title=my-node'));
});

test('without Node, start says how to mend it and leaves nothing', async (t) => {
  const world = await World.create(t);
  const notANode = path.join(world.dir, 'not-a-node');
  await writeFile(notANode, 'neither a script nor a program\n', { mode: 0o755 });
  // Found out by the launcher; by exec in the keeper; by exec in another way.
  for (const node of ['/nonexistent/node', world.bundle, notANode]) {
    const { exitCode, stdout, stderr } = await world.start('hello', { env: { LXCRI_NODE: node } });
    t.is(exitCode, 1);
    t.is(stdout, '');
    t.true(stderr.includes(node) && stderr.includes('apt install nodejs'), stderr);
    t.is(stderr.trim().split('\n').length, 1, stderr);
    t.deepEqual(await world.leftInRunDir(), []);
    t.deepEqual(await readdir(world.bundle), []);
  }
  t.is((await world.start('hello', { env: { LXCRI_NODE: 'node' } })).exitCode, 1);
  t.is((await world.start()).stdout, world.address, 'and the next start, with Node, works');
});

test('many starts at once without Node all fail, with the same words, and leave nothing', async (t) => {
  const world = await World.create(t);
  const env = { LXCRI_NODE: world.bundle };
  const results = await Promise.all(Array.from({ length: 40 }, (_, i) => world.start(`c${i}`, { env })));
  for (const { exitCode, stderr } of results) {
    t.is(exitCode, 1);
    t.true(stderr.includes('cannot run Node.js'), stderr);
  }
  t.deepEqual(await world.leftInRunDir(), []);
});

test('a missing daemon program is a clear failure', async (t) => {
  const world = await World.create(t);
  await rm(world.daemonScript);
  const { exitCode, stderr } = await world.start();
  t.is(exitCode, 1);
  t.true(stderr.includes(world.daemonScript), stderr);
  t.deepEqual(await world.leftInRunDir(), []);
});

test('a missing keeper is a clear failure', async (t) => {
  const world = await World.create(t);
  const keeper = path.join(world.libDir, 'lxcri-keeper');
  await rm(keeper);
  const { exitCode, stderr } = await world.start();
  t.is(exitCode, 1);
  t.true(stderr.includes(keeper), stderr);
  t.deepEqual(await world.leftInRunDir(), []);
});

for (const id of ['', '.', '..', '../x', 'a/b', 'a b', 'a\nb', '-x-', 'ä', 'x'.repeat(77), 'x'.repeat(300)])
  test(`the id ${JSON.stringify(id.slice(0, 80))} is refused`, async (t) => {
    const world = await World.create(t);
    for (const args of [
      ['-namespace', 'default', `-id=${id}`],
      [`-namespace=${id}`, '-id', 'hello'],
    ]) {
      for (const action of ['start', 'delete']) {
        const { exitCode, stdout, stderr } = await world.run([...args, action]);
        t.is(exitCode, 1);
        t.is(stdout, '');
        t.regex(stderr, /the (id|namespace) /);
      }
    }
    t.deepEqual(await readdir(world.dir).then((names) => names.sort()), ['bin', 'bundle', 'lib']);
  });

test('a run directory that cannot be used is refused by name', async (t) => {
  const world = await World.create(t);
  const file = path.join(world.dir, 'file');
  const link = path.join(world.dir, 'link');
  const open = path.join(world.dir, 'open');
  await writeFile(file, '');
  await mkdir(open);
  await chmod(open, 0o770);
  await symlink(open, link);
  const long = path.join(world.dir, 'x'.repeat(100));
  for (const [runDir, reason] of [
    [long, 'LXCRI_RUN_DIR'],
    ['/' + 'y'.repeat(5000), 'LXCRI_RUN_DIR'],
    ['relative', 'absolute'],
    [path.join(world.dir, 'no/parent'), 'parent'],
    [file, 'not a directory'],
    [link, 'not a directory'],
    [open, '0770'],
  ] as const) {
    const { exitCode, stdout, stderr } = await world.start('hello', { env: { LXCRI_RUN_DIR: runDir } });
    t.is(exitCode, 1, runDir);
    t.is(stdout, '');
    t.true(stderr.includes(reason), stderr);
  }
  t.deepEqual(await readdir(open), []);
});

ifRoot('a run directory of somebody else is refused', async (t) => {
  const world = await World.create(t);
  await mkdir(world.daemonDir, { recursive: true, mode: 0o700 });
  await writeFile(path.join(world.daemonDir, 'theirs'), '');
  for (const directory of [world.daemonDir, world.runDir]) {
    await chown(directory, 65534, 65534);
    const { exitCode, stderr } = await world.start();
    t.is(exitCode, 1);
    t.true(stderr.includes(directory) && stderr.includes('65534'), stderr);
  }
  t.deepEqual(await readdir(world.daemonDir), ['theirs']);
});

/** A cgroup in each hierarchy of this machine, as a service of containerd's would have. */
async function makeCgroups(t: ExecutionContext, name: string): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .filter((line) => / - cgroup2? /.test(line));
  const directories = mounts.map((line) => path.join(line.split(' ')[4] ?? '', name));
  for (const directory of directories) {
    await mkdir(directory);
    t.teardown(() => eventually(() => rmdir(directory).then(() => true)));
    // A cpuset of version 1 takes no process before it has processors and memory nodes.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      const value = await readFile(path.join(path.dirname(directory), file), 'utf8').catch(() => '');
      if (value !== '') await writeFile(path.join(directory, file), value);
    }
  }
  return directories;
}

ifRoot('the daemon leaves its starter’s cgroup in every hierarchy', async (t) => {
  const world = await World.create(t);
  const service = path.basename(world.dir);
  const directories = await makeCgroups(t, service);
  const entering = 'for d; do echo $$ > "$d/cgroup.procs" || exit; done; exec "$0" -namespace default -id i start';
  await execa('sh', ['-c', entering, world.binary, ...directories], {
    cwd: world.bundle,
    env: { LXCRI_RUN_DIR: world.runDir },
  });
  const { cgroups } = await world.onlyReport();
  const own = cgroups.split('\n').filter((line) => line.endsWith(':/proxmox-lxcri/daemon'));
  t.is(own.length, directories.length, cgroups);
  t.false(cgroups.includes(service), cgroups);
  await t.throwsAsync(readFile(world.keeperLog), { code: 'ENOENT' });
});

ifRoot('a keeper that departs removes its cgroups', async (t) => {
  const world = await World.create(t);
  const directories = await makeCgroups(t, path.basename(world.dir));
  const entering = 'for d; do echo $$ > "$d/cgroup.procs" || exit; done; exec "$0" -namespace default -id i start';
  await execa('sh', ['-c', entering, world.binary, ...directories], {
    cwd: world.bundle,
    env: { LXCRI_RUN_DIR: world.runDir, LXCRI_LINGER_MS: '50' },
  });
  const keeper = await world.keeper();
  const client = await world.connect();
  await client.ask({ op: 'sleep', containers: 0 });
  client.close();
  await world.departed(keeper);
  // Those of other keepers, of tests beside this one, may be there.
  for (const directory of directories) {
    const own = path.join(path.dirname(directory), 'proxmox-lxcri/daemon/cgroup.procs');
    t.false((await readFile(own, 'utf8').catch(() => '')).split('\n').includes(`${keeper}`));
  }
});

/** Mounts a tmpfs with room for so many files. */
async function mountSmall(t: ExecutionContext, directory: string, inodes: number) {
  await execa('mount', ['-t', 'tmpfs', '-o', `mode=0700,size=64k,nr_inodes=${inodes}`, 'lxcri-test', directory]);
  t.teardown(() => execa('umount', ['-l', directory], { reject: false }));
}

ifRoot('a full run directory is named, and stays as it was', async (t) => {
  const world = await World.create(t);
  // The root of the tmpfs is its first inode; two directories, lock, two sockets, log and relay socket are seven more.
  for (const inodes of [1, 2, 3, 4, 5, 6, 7, 50]) {
    const runDir = path.join(world.dir, `r${inodes}`);
    await mkdir(runDir);
    await mountSmall(t, runDir, inodes);
    const { exitCode, stdout, stderr } = await world.start('hello', { env: { LXCRI_RUN_DIR: runDir } });
    if (inodes === 50) {
      t.is(exitCode, 0, stderr);
      continue;
    }
    t.is(exitCode, 1);
    t.is(stdout, '');
    t.true(stderr.includes(runDir) && stderr.includes('No space left'), stderr);
    t.deepEqual(await readdir(runDir, { recursive: true }), []);
  }
});

ifRoot('a full bundle is a failure that leaves no half-written file', async (t) => {
  const world = await World.create(t);
  await mountSmall(t, world.bundle, 100);
  await writeFile(path.join(world.bundle, 'filler'), Buffer.alloc(65_536));
  const { exitCode, stdout, stderr } = await world.start();
  t.is(exitCode, 1);
  t.is(stdout, '');
  t.true(stderr.includes('publisher') && stderr.includes('No space left'), stderr);
  t.deepEqual(await readdir(world.bundle), ['filler']);
});

test('values that would forge lines of the publisher file are refused', async (t) => {
  const world = await World.create(t);
  const { exitCode, stderr } = await world.start('hello', { env: { TTRPC_ADDRESS: '/a\nbinary=/evil' } });
  t.is(exitCode, 1);
  t.true(stderr.includes('control characters'), stderr);
});

test('a log of more than 1 MiB is put aside', async (t) => {
  const world = await World.create(t);
  await mkdir(world.daemonDir, { recursive: true, mode: 0o700 });
  await chmod(world.runDir, 0o700);
  await writeFile(world.log, Buffer.alloc(1024 * 1024 + 1));
  await world.start();
  await world.ping();
  t.is((await stat(`${world.log}.1`)).size, 1024 * 1024 + 1);
  t.true((await stat(world.log)).size < 1000);
});

test('options on stdin are not read, however many', async (t) => {
  const world = await World.create(t);
  await world.start();
  const subprocess = execa(world.binary, ['-namespace', 'default', '-id', 'i', 'start'], {
    cwd: world.bundle,
    env: { LXCRI_RUN_DIR: world.runDir },
    input: Buffer.alloc(1_000_000),
  });
  t.is((await subprocess).stdout, world.address);
});

test('closed standard descriptors are no place for the daemon’s files', async (t) => {
  const world = await World.create(t);
  const closing =
    '"$0" -namespace default -id i start <&- 2>&- && "$0" -namespace default -id i start >&- <&- 2>&-; echo " $?"';
  const { stdout } = await execa('sh', ['-c', closing, world.binary], {
    cwd: world.bundle,
    env: { LXCRI_RUN_DIR: world.runDir },
  });
  t.regex(stdout, new RegExp(`^${world.address} 0$`));
  const { descriptors } = await world.onlyReport();
  t.is(new Map(descriptors).get(0), '/dev/null');
  t.is((await stat(world.lock)).size, 0);
});

test('a reader of the output that has gone is a failure, not a signal', async (t) => {
  const world = await World.create(t);
  const script = '{ sleep 0.3; "$0" -namespace default -id i start; echo "$?" >&2; } | true';
  const { stderr } = await execa('sh', ['-c', script, world.binary], {
    cwd: world.bundle,
    env: { LXCRI_RUN_DIR: world.runDir },
  });
  t.regex(stderr, /cannot print the address: Broken pipe\n1$/);
});

test('start waits for a lock that is held without a keeper, and goes on once it is free', async (t) => {
  const world = await World.create(t);
  await mkdir(world.daemonDir, { recursive: true, mode: 0o700 });
  await chmod(world.runDir, 0o700);
  const holder = execa('flock', [world.lock, 'sh', '-c', 'echo locked; sleep 0.5'], { timeout: 10_000 });
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  const before = performance.now();
  t.is((await world.start()).stdout, world.address);
  t.true(performance.now() - before > 300);
  await world.ping();
  await holder;
});
