const UNITS = ['B', 'K', 'M', 'G', 'T', 'P'];
const STEP = 1024;

/** `1.5M`: powers of 1024, in at most four characters and the unit. */
export function formatBytes(bytes: bigint): string {
  let value = Number(bytes);
  let unit = 0;
  while (value >= STEP && unit < UNITS.length - 1) {
    value /= STEP;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)}${UNITS[unit] ?? ''}`;
}

const NS_PER_MS = 1_000_000n;

/** UTC, to the second. */
export const formatTime = (nanoseconds: bigint): string =>
  `${new Date(Number(nanoseconds / NS_PER_MS)).toISOString().slice(0, 19).replace('T', ' ')}Z`;

/** ISO 8601 with all nine digits, for programs. */
export function isoTime(nanoseconds: bigint): string {
  const seconds = new Date(Number(nanoseconds / NS_PER_MS)).toISOString().slice(0, 19);
  return `${seconds}.${(nanoseconds % 1_000_000_000n).toString().padStart(9, '0')}Z`;
}

export const formatRatio = (ratio: number): string => `${ratio.toFixed(2)}x`;

/** Names may hold anything; a terminal must not obey them. */
export const printable = (text: string): string =>
  text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (character) => JSON.stringify(character).slice(1, -1));

/** Columns as wide as they need; the last one is not padded. */
export function formatTable(rows: readonly (readonly string[])[], rightAligned: readonly number[] = []): string {
  const clean = rows.map((row) => row.map(printable));
  const widths = (clean[0] ?? []).map((_, column) => Math.max(...clean.map((row) => (row[column] ?? '').length)));
  const pad = (cell: string, column: number, row: readonly string[]) => {
    const width = widths[column] ?? 0;
    if (rightAligned.includes(column)) return cell.padStart(width);
    return column === row.length - 1 ? cell : cell.padEnd(width);
  };
  return clean.map((row) => `${row.map(pad).join('  ').trimEnd()}\n`).join('');
}

/** JSON for programs: whole numbers as they are, also beyond 32 bits. */
export const formatJson = (value: unknown): string =>
  `${JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? Number(each) : each), 2)}\n`;
