import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { format, resolveConfig } from 'prettier';

const FILE = path.resolve(import.meta.dirname, '../../docs/benchmarks.md');
const INTRODUCTION = `# Benchmarks

Written by \`npm run bench\`; do not edit. A ratio says more than a time: both sides of it were measured on the same
machine at the same time.
`;

/** Replaces the section that begins with the same heading, or adds it. @returns the file. */
export async function writeSection(section: string): Promise<string> {
  const heading = section.split('\n')[0] ?? '';
  const old = await readFile(FILE, 'utf8').catch(() => INTRODUCTION);
  const [introduction = '', ...sections] = old.split(/^(?=## )/m);
  const others = sections.filter((text) => !text.startsWith(`${heading}\n`));
  const text = [introduction.trimEnd(), ...[...others, section].map((part) => part.trim())].join('\n\n');
  await writeFile(FILE, await format(text, { ...(await resolveConfig(FILE)), filepath: FILE }));
  return FILE;
}
