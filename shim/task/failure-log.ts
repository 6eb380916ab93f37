import path from 'node:path';
import { readTextIfExists } from '../../common/files.ts';

const MAX_LINES = 3;

/** Adds to a monitor's account what liblxc and the monitor logged as errors, without their dates and source lines. */
export async function explainFailure(text: string, directory: string): Promise<string> {
  // A log that cannot be read must not hide the failure.
  const logs = await Promise.all(
    ['lxc.log', 'monitor.log'].map((name) => readTextIfExists(path.join(directory, name)).catch(() => undefined)),
  );
  const lines = logs.flatMap((log) => (log ?? '').split('\n')).flatMap(errorText);
  // The init explains itself; liblxc's complaints are then only consequences.
  if (lines.length === 0 || !text.startsWith('liblxc')) return text;
  return `${text}: ${[...new Set(lines)].slice(0, MAX_LINES).join('; ')}`;
}

/** `lxc NAME DATE ERROR    module - ../src/lxc/file.c:function:123 - text`, or a monitor's `… ERROR text`. */
function errorText(line: string): string[] {
  const [, rest] = /\bERROR\s+(.*)$/.exec(line) ?? [];
  if (rest === undefined) return [];
  return [rest.replace(/^\w+ - \S+:\d+ - /, '')];
}
