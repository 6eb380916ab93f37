/** `npm run bench -- NAME`: measures on this machine, beside what people use today, and writes docs/benchmarks.md. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { writeSection } from './document.ts';
import { ratios, shimReport } from './shim-report.ts';
import { benchShim } from './shim.ts';

const HELP = `Usage: npm run bench -- shim [options]

Measures this shim beside io.containerd.runc.v2 in a containerd of its own: time of ctr run, memory of idle
containers, rate of stdout. Needs root and a build (npm run build). Takes about two minutes; leave the machine alone.

Options:
  --runs N        pairs of ctr run --rm … true            (default 30)
  --containers N  idle containers whose memory is measured (default 50)
  --rates N       pairs of 1 GiB through stdout            (default 5)
  --json          print the result as JSON
  --no-write      leave docs/benchmarks.md as it is
  --help          this text

Examples:
  npm run bench -- shim
  npm run bench -- shim --runs 100 --no-write
  npm run -s bench -- shim --json --no-write | jq .ratios
`;

function parseCommandLine() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    allowNegative: true,
    options: {
      runs: { type: 'string', default: '30' },
      containers: { type: 'string', default: '50' },
      rates: { type: 'string', default: '5' },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: true },
      help: { type: 'boolean', default: false },
    },
  });
  return { ...values, positionals };
}

/** @throws Error naming the option, unless its value is a number of at least 1. */
function count(option: string, value: string): number {
  if (!/^[1-9]\d{0,3}$/.test(value)) throw new Error(`--${option} wants a number from 1 to 9999, not ${value}`);
  return Number(value);
}

async function main(): Promise<number> {
  const { positionals, runs, containers, rates, json, write, help } = parseCommandLine();
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (positionals.length !== 1 || positionals[0] !== 'shim') {
    process.stderr.write(`There is one benchmark, shim; not ${positionals.join(' ') || 'none'}.\n\n${HELP}`);
    return 2;
  }
  const options = {
    runs: count('runs', runs),
    containers: count('containers', containers),
    rates: count('rates', rates),
  };
  const result = await benchShim(options, (text) => process.stderr.write(`${text}\n`));
  const report = shimReport(result);
  process.stdout.write(json ? `${JSON.stringify({ ratios: ratios(result), ...result }, null, 2)}\n` : report);
  if (write) process.stderr.write(`written: ${path.relative('.', await writeSection(report))}\n`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
