/** `npm run soak`: the same over and over, and whether anything grows by it. */
import { UsageError } from '../../shim/cli/usage-error.ts';
import { interruption, parseOptions, runProgram, say, wholeNumberOf } from '../support/command-line.ts';
import { soakReport } from './report.ts';
import { runSoak, type SoakOptions } from './run.ts';

const HELP = `Usage: npm run soak -- [options]

Creates containers, executes something in each, and deletes them, over and over, beside a few that stay. Looks meanwhile at
memory (without files) and descriptors of daemon, keeper and monitors, at files in the run directory, cgroups, mounts and processes.
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

const parseCommandLine = () =>
  parseOptions({
    cycles: { type: 'string', default: '20000' },
    samples: { type: 'string', default: '100' },
    parallel: { type: 'string', default: '4' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  });

async function main(): Promise<number> {
  const line = parseCommandLine();
  if (line.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const options: SoakOptions = {
    cycles: wholeNumberOf('cycles', line.cycles, { least: 20, most: 10_000_000 }),
    samples: wholeNumberOf('samples', line.samples, { least: 5, most: 10_000 }),
    parallel: wholeNumberOf('parallel', line.parallel, { least: 1, most: 50 }),
  };
  if (options.samples > options.cycles) throw new UsageError('--samples wants no more than there are cycles');
  const signal = interruption();
  const result = await runSoak(options, say, signal);
  if (signal.aborted) say('ended early: this is what was done until then');
  process.stdout.write(line.json ? `${JSON.stringify(result, null, 2)}\n` : soakReport(result));
  return result.failures.length === 0 && result.trends.every(({ tooSteep }) => !tooSteep) ? 0 : 1;
}

await runProgram('soak', main);
