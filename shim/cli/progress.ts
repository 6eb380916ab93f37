import { formatBytes, printable } from './format.ts';

/** A line on stderr that says how far something is, where somebody looks at it. */
export class ProgressLine {
  readonly #isShown = process.stderr.isTTY;
  #isOpen = false;

  bytes(step: string, done: bigint, total: bigint): void {
    const share = total > 0n ? ` of ${formatBytes(total)} (${Math.min(100, Number((done * 100n) / total))}%)` : '';
    this.#show(`${printable(step)}  ${formatBytes(done)}${share}`);
  }

  count(step: string, done: bigint, total: bigint): void {
    this.#show(total > 0n ? `${done}/${total}  ${printable(step)}` : printable(step));
  }

  /** Makes room for other output. */
  clear(): void {
    if (this.#isOpen) process.stderr.write('\r\x1b[K');
    this.#isOpen = false;
  }

  #show(text: string): void {
    if (!this.#isShown) return;
    const width = Math.max(20, process.stderr.columns - 1);
    process.stderr.write(`\r\x1b[K${text.slice(0, width)}`);
    this.#isOpen = true;
  }
}
