/**
 * Generates TypeScript from every .proto below proto/ into proto/gen/, in the same tree shape.
 * With `--out DIR` it writes there instead and leaves proto/gen alone; the unit test compares the two.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';

const root = path.resolve(import.meta.dirname, '../..');
const protoDir = path.join(root, 'proto');
const { values } = parseArgs({ options: { out: { type: 'string', default: path.join(protoDir, 'gen') } } });
const out = path.resolve(values.out);

/** The shim starts while someone waits for a container: what these leave out need not be loaded. */
const options = {
  outputServices: 'generic-definitions', // descriptors alone: no import of a gRPC library
  outputJsonMethods: 'false',
  outputPartialMethods: 'false',
  outputTypeRegistry: 'false',
  useExactTypes: 'false',
  exportCommonSymbols: 'false',
  annotateFilesWithVersion: 'false',
  unrecognizedEnum: 'false',
  enumsAsLiterals: 'true',
  oneof: 'unions',
  forceLong: 'bigint', // the wire's 64-bit counters do not fit a number
  useDate: 'false', // nanoseconds do not fit a Date
  esModuleInterop: 'true',
  env: 'node',
  importSuffix: '.ts', // tsx, esbuild and tsc all take the real extension
};

function protoFiles() {
  return readdirSync(protoDir, { recursive: true })
    .filter((file) => file.endsWith('.proto'))
    .sort();
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await execa({ preferLocal: true, localDir: root, cwd: protoDir, timeout: 60_000, stdio: 'inherit' })('protoc', [
  `--plugin=${path.join(root, 'node_modules/.bin/protoc-gen-ts_proto')}`,
  `--ts_proto_out=${out}`,
  `--ts_proto_opt=${Object.entries(options)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')}`,
  `--proto_path=${protoDir}`,
  ...protoFiles(),
]);
