/** `npm run bench -- NAME`: measures on this machine, beside what people use today, and writes docs/benchmarks.md. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../../common/errors.ts';
import { OURS } from './contenders.ts';
import { writeSection } from './document.ts';
import { benchExec } from './exec.ts';
import { execRatios, execReport } from './exec-report.ts';
import { ratios, shimReport } from './shim-report.ts';
import { benchShim } from './shim.ts';
import { benchIdleMemory } from './idle-memory.ts';
import { idleMemoryRatios, idleMemoryReport } from './idle-memory-report.ts';
import { growth, snapshotterReport, speedups } from './snapshotter-report.ts';
import { benchSnapshotter } from './snapshotter.ts';

const HELP = `Usage: npm run bench -- shim|exec|memory|snapshotter [options]

shim measures this shim beside io.containerd.runc.v2 in a containerd of its own: time of ctr run, memory of idle
containers, rate of stdout. Needs root and a build (npm run build). Takes about two minutes; leave the machine alone.

  --runs N        pairs of ctr run --rm … true            (default 30)
  --containers N  idle containers whose memory is measured (default 50)
  --rates N       pairs of 1 GiB through stdout            (default 5)

exec measures ctr tasks exec in a container of each of the two shims. Takes half a minute.

  --runs N        pairs of ctr tasks exec … true          (default 30)
  --parallel N    how many at once                        (default 20)

memory measures what the runtime keeps in memory for idle containers, while its daemon is awake and while it sleeps,
beside io.containerd.runc.v2. With 500 containers it takes about five minutes and 2 GB.

  --sizes NUMBERS how many containers, with commas between them  (default 10,50,200,500)

snapshotter measures LayerFS beside containerd's zfs and overlayfs, in the VM (docs/testing-vm.md): prepare, commit, view,
remove, unpack; and LayerFS's overlay store beside overlayfs on this host. Needs what shim does, and Go. Takes a few
minutes with KVM, and about 35 without it on two cores; says as it goes how long it still takes.

  --rounds N      how often each is measured, with few and with many snapshots  (default 3)
  --snapshots N   how many are many                                             (default 2000)
  --only NAMES    zfs, overlayfs-ext4, overlayfs-zfs; with commas between them  (default all)

Options of all:
  --json          print the result as JSON
  --no-write      leave docs/benchmarks.md as it is
  --help          this text

Examples:
  npm run bench -- shim
  npm run bench -- shim --runs 100 --no-write
  npm run bench -- exec
  npm run bench -- memory --sizes 10,50 --no-write
  npm run -s bench -- shim --json --no-write | jq .ratios
  npm run bench -- snapshotter --rounds 3 --snapshots 100 --no-write
`;

function parseCommandLine() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    allowNegative: true,
    options: {
      runs: { type: 'string', default: '30' },
      containers: { type: 'string', default: '50' },
      rates: { type: 'string', default: '5' },
      parallel: { type: 'string', default: '20' },
      sizes: { type: 'string', default: '10,50,200,500' },
      rounds: { type: 'string', default: '3' },
      snapshots: { type: 'string', default: '2000' },
      only: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: true },
      help: { type: 'boolean', default: false },
    },
  });
  return { ...values, positionals };
}

type CommandLine = ReturnType<typeof parseCommandLine>;

interface Outcome {
  readonly report: string;
  readonly json: unknown;
}

const progress = (text: string) => process.stderr.write(`${text}\n`);

const BENCHES: Readonly<Record<string, (line: CommandLine) => Promise<Outcome>>> = {
  shim: async ({ runs, containers, rates }) => {
    const options = {
      runs: count('runs', runs),
      containers: count('containers', containers),
      rates: count('rates', rates),
    };
    const result = await benchShim(options, progress);
    return { report: shimReport(result), json: { ratios: ratios(result), ...result } };
  },
  exec: async ({ runs, parallel }) => {
    const result = await benchExec({ runs: count('runs', runs), parallel: count('parallel', parallel) }, progress);
    return { report: execReport(result), json: { ratios: execRatios(result), ...result } };
  },
  memory: async ({ sizes }) => {
    const numbers = sizes.split(',').map((size) => count('sizes', size));
    const result = await benchIdleMemory(
      numbers.toSorted((a, b) => a - b),
      progress,
    );
    return { report: idleMemoryReport(result), json: { ratios: idleMemoryRatios(result), ...result } };
  },
  snapshotter: async ({ rounds, snapshots, only }) => {
    const options = {
      rounds: count('rounds', rounds),
      snapshots: count('snapshots', snapshots),
      only: only.split(',').filter((name) => name !== ''),
    };
    const result = await benchSnapshotter(options, progress);
    const others = result.contenders.map(({ name }) => name).filter((name) => name !== OURS);
    const ratiosByPhase = result.phases.map((phase) => ({
      present: phase.present,
      ...Object.fromEntries(others.map((name) => [name, speedups(phase, name)])),
    }));
    const json = { ratios: ratiosByPhase, growth: growth(result.phases), ...result };
    return { report: snapshotterReport(result), json };
  },
};

/** @throws Error naming the option, unless its value is a number of at least 1. */
function count(option: string, value: string): number {
  if (!/^[1-9]\d{0,3}$/.test(value)) throw new Error(`--${option} wants a number from 1 to 9999, not ${value}`);
  return Number(value);
}

async function main(): Promise<number> {
  const line = parseCommandLine();
  const { positionals, json, write, help } = line;
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
  const bench = positionals.length === 1 ? BENCHES[positionals[0] ?? ''] : undefined;
  if (bench === undefined) {
    const asked = positionals.join(' ') || 'none';
    process.stderr.write(`The benchmarks are ${Object.keys(BENCHES).join(' and ')}; not ${asked}.\n\n${HELP}`);
    return 2;
  }
  const outcome = await bench(line);
  process.stdout.write(json ? `${JSON.stringify(outcome.json, null, 2)}\n` : outcome.report);
  if (write) process.stderr.write(`written: ${path.relative('.', await writeSection(outcome.report))}\n`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
