/** The lines of a text, without the empty one after the last newline. */
export function readLines(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}
