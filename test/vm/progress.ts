/** Tells the one who waits what happens now. */
export type Progress = (step: string) => void;

/** To stderr, with the time since the first word: stdout belongs to the command in the machine. */
export function stderrProgress(): Progress {
  const started = performance.now();
  return (step) => {
    const seconds = Math.round((performance.now() - started) / 1000);
    process.stderr.write(`vm: ${String(seconds).padStart(3)} s  ${step}\n`);
  };
}
