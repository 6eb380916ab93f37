/** `npm run fuzz`: mutated frames, messages and config.json files for a real keeper and a real daemon. */
import { parseArgs } from 'node:util';
import { fuzzReport, isClean } from './report.ts';
import { runFuzz, type FuzzOptions } from './run.ts';

const HELP = `Usage: npm run fuzz -- [options]

Starts a keeper and a shim daemon without containerd, with one container that runs all the time. Sends them mutated frames
and mutated protobufs of every method over several connections at once, then creates containers from mutated config.json
files. Nothing may crash, hang or grow, every answer must be one that somebody meant to give, and nothing may be left.
Needs root, ctr, and a build (npm run build). It touches nothing of the host: no path in what is sent names anything.

  --frames N    how many frames, mutated protobufs among them  (default 1000000)
  --configs N   how many config.json files                     (default 2000)
  --seed S      what all of it is drawn from                   (default: a new one, which is told)
  --json        print the result as JSON
  --help        this text

Exit status: 0 if nothing was found, 1 if something was, 2 for a wrong command line. What a finding was found with is kept
in /tmp/lxcri-fuzz-SEED.

Examples:
  npm run fuzz
  npm run fuzz -- --frames 10000000 --configs 0
  npm run fuzz -- --frames 300000 --configs 300 --seed 42
  npm run -s fuzz -- --frames 100000 --json | jq .findings
`;

class UsageError extends Error {}

function parseCommandLine() {
  try {
    return parseArgs({
      options: {
        frames: { type: 'string', default: '1000000' },
        configs: { type: 'string', default: '2000' },
        seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function count(option: string, value: string, most: number): number {
  const result = Number(value);
  if (/^\d+$/.test(value) && result <= most) return result;
  throw new UsageError(`--${option} wants a whole number from 0 to ${most}, not ${value}`);
}

async function main(): Promise<number> {
  const line = parseCommandLine();
  if (line.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const options: FuzzOptions = {
    frames: count('frames', line.frames, 1e12),
    configs: count('configs', line.configs, 1e9),
    seed: count('seed', line.seed, 2 ** 32 - 1),
  };
  const again = `npm run fuzz -- --frames ${line.frames} --configs ${line.configs} --seed ${line.seed}`;
  const say = (text: string) => process.stderr.write(`${text}\n`);
  say(`seed ${line.seed}; to stop early: Ctrl-C, once`);
  const interrupted = new AbortController();
  process.once('SIGINT', () => {
    interrupted.abort();
  });
  const result = await runFuzz(options, say, interrupted.signal);
  process.stdout.write(line.json ? `${JSON.stringify({ ...result, again }, null, 2)}\n` : fuzzReport(result, again));
  return isClean(result) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  const usage = error instanceof UsageError;
  const text = error instanceof Error ? (usage ? error.message : String(error.stack)) : String(error);
  process.stderr.write(`fuzz: ${text}\n`);
  process.exitCode = usage ? 2 : 1;
}
