/** `npm run soak`: the same over and over, and whether anything grows by it. */
import { parseArgs } from 'node:util';
import { soakReport } from './report.ts';
import { runSoak, type SoakOptions } from './run.ts';

const HELP = `Usage: npm run soak -- [options]

Creates containers, executes something in each, and deletes them, over and over, beside a few that stay. Looks meanwhile at
memory (PSS) and descriptors of daemon, keeper and monitors, at files in the run directory, cgroups, mounts and processes.
The slope of each is bounded; what it would come to in 24 hours is told. Needs root, Go, and a build (npm run build).

  --cycles N    how many containers              (default 20000; some 20 minutes)
  --samples N   how often it looks               (default 100)
  --parallel N  how many cycles at a time        (default 4)
  --json        print the result as JSON
  --help        this text

Exit status: 0 if nothing grows beyond its bound, 1 if something does or fails, 2 for a wrong command line.

Examples:
  npm run soak
  npm run soak -- --cycles 1000 --samples 20
  npm run -s soak -- --cycles 1000 --json | jq '.trends[] | {name, slope}'
`;

class UsageError extends Error {}

function parseCommandLine() {
  try {
    return parseArgs({
      options: {
        cycles: { type: 'string', default: '20000' },
        samples: { type: 'string', default: '100' },
        parallel: { type: 'string', default: '4' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function count(option: string, value: string, least: number, most: number): number {
  const result = Number(value);
  if (Number.isInteger(result) && result >= least && result <= most) return result;
  throw new UsageError(`--${option} wants a number from ${least} to ${most}, not ${value}`);
}

async function main(): Promise<number> {
  const line = parseCommandLine();
  if (line.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const options: SoakOptions = {
    cycles: count('cycles', line.cycles, 20, 10_000_000),
    samples: count('samples', line.samples, 5, 10_000),
    parallel: count('parallel', line.parallel, 1, 50),
  };
  if (options.samples > options.cycles) throw new UsageError('--samples wants no more than there are cycles');
  const interrupted = new AbortController();
  process.once('SIGINT', () => {
    interrupted.abort();
  });
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const result = await runSoak(options, say, interrupted.signal);
  process.stdout.write(line.json ? `${JSON.stringify(result, null, 2)}\n` : soakReport(result));
  return result.failures.length === 0 && result.trends.every(({ tooSteep }) => !tooSteep) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`soak: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
