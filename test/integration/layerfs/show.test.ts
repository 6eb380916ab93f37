/** The verbs that only look, on the overlay store. */
import test from 'ava';
import { layerfs } from '../../support/layerfs-cli.ts';
import { CHAIN, withStore } from './with-store.ts';

interface Listed {
  readonly name: string;
  readonly kind: string;
  readonly parent: string;
  readonly created: string;
  readonly space: { readonly own: number; readonly shared: number; readonly logical: number };
}

test('ls lists layers, as a table and as JSON, and filters them', (t) =>
  withStore(t, async (bed) => {
    const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
    const deep = `default/2/${digest}`;
    await bed.layers(
      ...CHAIN,
      { do: 'prepare', key: `default/1/${digest}` },
      { do: 'prepare', key: 'k3' },
      { do: 'commit', key: 'k3', name: deep },
      { do: 'prepare', key: 'on-deep', parent: deep },
    );
    const listed = (await bed.json(['ls'])) as Listed[];
    t.deepEqual(
      listed.map(({ name, kind, parent }) => [name, kind, parent]),
      [
        ['base', 'committed', ''],
        ['top', 'committed', 'base'],
        ['web', 'active', 'top'],
        [`default/1/${digest}`, 'active', ''],
        [deep, 'committed', ''],
        ['on-deep', 'active', deep],
      ],
    );
    t.true((listed[0]?.space.own ?? 0) >= 300_000);
    t.regex(listed[0]?.created ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    const { stdout } = await bed.cli('ls');
    t.regex(stdout, /^NAME +KIND +PARENT +CREATED +SIZE\nbase +committed +\d{4}-/);
    t.regex(stdout, /^default\/1\/sha256:0123456789ab +active/m);
    const { stdout: filtered } = await bed.cli('ls', '--filter', 'name==on-deep');
    t.regex(filtered, /^on-deep +active +default\/2\/sha256:0123456789ab /m);
    const active = (await bed.json(['ls', '--filter', 'kind==active,parent==top'])) as Listed[];
    t.deepEqual(
      active.map(({ name }) => name),
      ['web'],
    );
    const either = (await bed.json(['ls', '--filter', 'name==base', '--filter', 'name==top'])) as Listed[];
    t.is(either.length, 2);
    const bad = await bed.cli('ls', '--filter', 'name=~(');
    t.is(bad.exitCode, 1);
    t.regex(bad.stderr, /filter "name=~\(": expected one of the operators ==, != and ~=/);
  }));

test('tree, stat and stats', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(...CHAIN, { do: 'view', key: 'look', parent: 'top' });
    const { stdout } = await bed.cli('tree');
    const names = stdout.split('\n').map((line) => line.replace(/ {2,}(?:KIND|committed|active|view) .*$/, ''));
    t.deepEqual(names, ['LAYER', 'base', '└─ top', '   ├─ web', '   └─ look', '']);
    const stat = (await bed.json(['stat', 'we'])) as { name: string; ancestors: string[]; mount: string };
    t.like(stat, { name: 'web', ancestors: ['top', 'base'] });
    t.regex(stat.mount, /^mount -t overlay -o .*upperdir=/);
    const stats = (await bed.json(['stats'])) as { store: string; layers: { name: string; inodes: number }[] };
    t.like(stats, { store: 'overlay', committed: 2, active: 1, views: 1, removed: [] });
    // The root directory, big, d and the one file d/f and d/g are.
    t.is(stats.layers.find(({ name }) => name === 'base')?.inodes, 4);
    t.regex(
      (await bed.cli('stats')).stdout,
      /^overlay store in .*: --store says so$|^overlay store in .*: the kernel/m,
    );
  }));

test('names: unknown, ambiguous, shortened', (t) =>
  withStore(t, async (bed) => {
    await bed.layers({ do: 'prepare', key: 'alpha-1' }, { do: 'prepare', key: 'alpha-2' });
    const ambiguous = await bed.cli('stat', 'alpha');
    t.deepEqual([ambiguous.exitCode, ambiguous.stdout], [1, '']);
    t.regex(ambiguous.stderr, /name "alpha" may be 2 layers: "alpha-1", "alpha-2"; write more of it/);
    const unknown = await bed.cli('stat', 'beta');
    t.is(unknown.exitCode, 1);
    t.regex(unknown.stderr, /layer "beta" does not exist: `proxmox-lxcri layerfs ls` lists those that do/);
  }));

test('names that would move the cursor are shown as text', (t) =>
  withStore(t, async (bed) => {
    await bed.layers({ do: 'prepare', key: 'evil\u001b[2Jname' });
    const { stdout } = await bed.cli('ls');
    t.regex(stdout, /evil\\u001b\[2Jname/);
    t.false(stdout.includes('\u001b'));
  }));

const WRONG: readonly (readonly [args: readonly string[], says: RegExp])[] = [
  [[], /a verb is missing/],
  [['nope'], /layerfs has no verb "nope"/],
  [['stat'], /usage: proxmox-lxcri layerfs stat NAME/],
  [['ls', 'surplus'], /usage: proxmox-lxcri layerfs ls/],
  [['ls', '--nope'], /Unknown option '--nope'.*see proxmox-lxcri layerfs ls --help/s],
  [['snapshot', '--delete', 'x'], /--delete needs the name of a snapshot/],
  [['receive', '/nonexistent'], /\/nonexistent cannot be read/],
  [['receive', '/tmp'], /\/tmp is a directory/],
  [['ls', '--socket', ''], /--socket is empty/],
];

test('wrong usage ends with 2, and says what is right', async (t) => {
  for (const [args, says] of WRONG) {
    const { exitCode, stdout, stderr } = await layerfs('/nonexistent/socket', ...args);
    t.deepEqual([exitCode, stdout], [2, ''], args.join(' '));
    t.regex(stderr, says);
  }
});

test('without a daemon: how to start one', async (t) => {
  const { exitCode, stderr } = await layerfs('/nonexistent/socket', 'ls');
  t.is(exitCode, 1);
  t.regex(stderr, /no layerfs-snapshotter answers at \/nonexistent\/socket: start it with `systemctl start/);
});

test('help of each verb, without a daemon', async (t) => {
  const { stdout } = await layerfs('/nonexistent/socket', '--help');
  const verbs = [...stdout.matchAll(/^ {2}([a-z]+) .* {2,}[a-z]/gm)].map(([, name = '']) => name);
  t.true(verbs.length >= 15);
  for (const verb of verbs.filter((name) => name !== 'proxmox')) {
    const help = await layerfs('/nonexistent/socket', verb, '--help');
    t.is(help.exitCode, 0, verb);
    t.regex(
      help.stdout,
      new RegExp(`^proxmox-lxcri layerfs ${verb} - [\\s\\S]*Examples:\\n  proxmox-lxcri layerfs ${verb}`),
    );
  }
});

test('the zfs store’s verbs are refused with a reason', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(...CHAIN);
    const verbs = [
      ['snapshot', 'web'],
      ['snapshot', 'web', 'one'],
      ['rollback', '--yes', 'web', 'one'],
      ['clone', 'web', 'copy'],
      ['promote', 'web'],
      ['send', 'top', '-o', `${bed.dir}/x`],
      ['receive', '/etc/passwd'],
    ];
    for (const verb of verbs) {
      const { exitCode, stderr } = await bed.cli(...verb);
      t.is(exitCode, 1, verb.join(' '));
      t.regex(stderr, /the overlay store in .* (has no snapshots|can neither send nor receive).*needs the zfs store/);
    }
  }));
