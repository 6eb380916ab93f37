import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { eventually } from '../../support/eventually.ts';
import { World } from '../launcher/support/world.ts';
import { BUILD_ID } from '../launcher/support/build.ts';

/** Another installation, whose library has a blank in its path. */
async function installAnother(world: World): Promise<string> {
  const directory = path.join(world.dir, 'another lib');
  await mkdir(directory);
  await world.installDaemon(directory);
  return directory;
}

test('replace brings another build, and no client notices', async (t) => {
  const world = await World.create(t);
  const another = await installAnother(world);
  await world.start();
  const client = await world.connect();
  const before = await client.ask({ op: 'echo' });
  const waiting = client.send({ op: 'wait' });
  t.is(await world.tellKeeper(`replace 2.0-x ${another}`), 'ok');
  const after = await client.ask({ op: 'echo' });
  t.is(after['build'], '2.0-x');
  t.not(after['pid'], before['pid']);
  t.false(client.hasAnswer(waiting));
  t.is((await world.status())['build'], '2.0-x');
  // Two daemons never work at the same time.
  const order = (await world.notes()).flatMap((note) => ['begin', 'handover'].filter((what) => what in note));
  t.deepEqual(order, ['begin', 'handover', 'begin']);
});

test('reload brings the installed build; status tells what serves', async (t) => {
  const world = await World.create(t);
  const nobody = await world.run(['status']);
  t.is(nobody.exitCode, 1);
  t.regex(nobody.stderr, /no keeper answers on .*keeper\.sock: the next container starts one/);
  const nothing = await world.run(['reload']);
  t.is(nothing.stdout, 'nothing runs that would have to be replaced\n');

  await world.start();
  const client = await world.connect();
  const before = await client.ask({ op: 'echo' });
  t.is(await world.tellKeeper(`replace 2.0-x ${await installAnother(world)}`), 'ok');
  const { stdout, exitCode } = await world.run(['reload']);
  t.is(exitCode, 0);
  t.is(stdout, `the shim daemon is of build ${BUILD_ID} now\n`);
  const after = await client.ask({ op: 'echo' });
  t.is(after['build'], BUILD_ID);
  t.not(after['pid'], before['pid']);
  const status = await world.run(['status']);
  t.regex(
    status.stdout,
    new RegExp(
      `^keeper \\d+\nkeeper-build ${BUILD_ID}\ndaemon ${String(after['pid'])}\nstate ready\nbuild ${BUILD_ID}\n`,
    ),
  );
});

test('reload tells why the old daemon goes on', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  const { pid } = await client.ask({ op: 'echo' });
  await writeFile(path.join(world.libDir, 'crash'), '');
  const { stderr, exitCode } = await world.run(['reload']);
  t.is(exitCode, 1);
  t.regex(stderr, /the old one goes on: it ended with exit code 1/);
  t.is((await client.ask({ op: 'echo' }))['pid'], pid);
});

test('what comes in the middle of a handover is answered by the successor', async (t) => {
  const world = await World.create(t);
  const another = await installAnother(world);
  await world.start();
  const clients = await Promise.all(Array.from({ length: 4 }, () => world.connect()));
  let done = false;
  const asking = clients.map(async (client) => {
    let answers = 0;
    while (!done) {
      await client.ask({ op: 'echo' });
      answers++;
    }
    return answers;
  });
  for (let i = 0; i < 4; i++) t.is(await world.tellKeeper(`replace b${i} ${another}`), 'ok');
  done = true;
  for (const answers of await Promise.all(asking)) t.true(answers > 10);
});

test('SIGHUP loads what is installed now', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  const before = await client.ask({ op: 'echo' });
  await writeFile(path.join(world.libDir, 'build'), '3.0-y\n');
  process.kill(await world.keeper(), 'SIGHUP');
  await world.noted('handover');
  const after = await client.ask({ op: 'echo' });
  t.is(after['build'], '3.0-y');
  t.not(after['pid'], before['pid']);
});

test('a build that cannot be loaded changes nothing', async (t) => {
  const world = await World.create(t);
  const another = await installAnother(world);
  await writeFile(path.join(another, 'crash'), '');
  await world.start();
  const client = await world.connect();
  const before = await client.ask({ op: 'echo' });
  const answer = await world.tellKeeper(`replace 2.0-x ${another}`);
  t.regex(answer, /^error .*the old one goes on.*exit code 1/);
  t.regex(await world.tellKeeper('replace 2.0-x /nowhere'), /^error .*\/nowhere/);
  t.deepEqual(await client.ask({ op: 'echo' }), before);
  t.is((await world.status())['build'], BUILD_ID);
  t.regex(await readFile(world.keeperLog, 'utf8'), /could not replace/);
});

test('the launcher of another build brings its daemon, in the background', async (t) => {
  const world = await World.create(t);
  const another = await installAnother(world);
  await world.start();
  const client = await world.connect();
  await client.ask({ op: 'echo' });
  t.is(await world.tellKeeper(`listen default 2.0-x ${another}`), `ok ${world.namespaceSocket}`);
  await eventually(async () => ((await client.ask({ op: 'echo' }))['build'] === '2.0-x' ? true : undefined));
  t.is((await world.startReports()).length, 2);
});

test('a daemon that dies while its successor loads is followed by that one', async (t) => {
  const world = await World.create(t);
  const another = await installAnother(world);
  await writeFile(path.join(another, 'load-ms'), '500');
  await world.start();
  const client = await world.connect();
  const { pid } = await client.ask({ op: 'echo' });
  const replaced = world.tellKeeper(`replace 2.0-x ${another}`);
  await eventually(async () => ((await world.startReports()).length === 2 ? true : undefined));
  process.kill(Number(pid), 'SIGKILL');
  t.is((await client.ask({ op: 'echo' }))['build'], '2.0-x');
  t.is(await replaced, 'ok');
});

test('a build that does not come up keeps no request waiting for long', async (t) => {
  const world = await World.create(t);
  await world.start();
  const client = await world.connect();
  await client.ask({ op: 'sleep' });
  await eventually(async () => ((await world.status())['state'] === 'asleep' ? true : undefined));
  const another = await installAnother(world);
  await writeFile(path.join(another, 'load-ms'), '1000000');
  void world.tellKeeper(`replace 2.0-x ${another}`).catch(() => undefined);
  await eventually(async () => ((await world.status())['state'] === 'starting' ? true : undefined));
  t.is((await client.ask({ op: 'echo' }))['build'], BUILD_ID);
});

test('a daemon that does not leave is killed', async (t) => {
  const world = await World.create(t);
  await world.start('hello', { env: { LXCRI_TEST_HANDOVER_MS: '60000' } });
  const client = await world.connect();
  await client.ask({ op: 'echo' });
  const before = Date.now();
  t.is(await world.tellKeeper(`replace 2.0-x ${world.libDir}`), 'ok');
  t.true(Date.now() - before > 4900);
  t.is((await client.ask({ op: 'echo' }))['build'], '2.0-x');
});
