import { styleText } from 'node:util';

/** Colours where a person looks on; plain text in a file or a pipe, and where NO_COLOR asks for it. */
const coloured = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;

type Style = Parameters<typeof styleText>[0];
const style = (format: Style, text: string) => (coloured ? styleText(format, text) : text);

export const print = (text = '') => {
  console.log(text);
};

export const headline = (text: string) => {
  print(`\n${style('bold', text)}`);
};

export const remark = (text: string) => {
  print(style('dim', text));
};

/** A command as one would type it: words that a shell would split or expand are quoted. */
export function command(words: readonly string[]): void {
  const quoted = words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`));
  print(`${style('green', '$')} ${style('cyan', quoted.join(' '))}`);
}

export function output(text: string): void {
  if (text !== '') print(text.replace(/\n$/, ''));
}

export const good = (text: string) => {
  print(`${style('green', 'ok')}  ${text}`);
};

export const bad = (text: string) => {
  print(`${style('red', 'bad')} ${text}`);
};
