import { invalidArgument } from '../../../common/errors.ts';

/**
 * LXC's configuration: lines of `key = value`. LXC cuts white space around a value and takes quotes off, and a newline
 * would begin another key; a value that this would change is refused rather than passed on as something else
 * (liblxc, confile.c: parse_line).
 */
export class LxcConfig {
  readonly #lines: string[] = [];

  /** `field` is the JSON path that the value comes from, for the error. */
  set(key: string, value: string | number | bigint, field = key): this {
    const text = value.toString();
    const changed = text !== text.trim() || /^(["']).*\1$/s.test(text) || /\p{Cc}/u.test(text);
    if (text === '' || changed) {
      throw invalidArgument(
        `config.json: ${field} is ${JSON.stringify(text)}: LXC cannot take a value that is empty, is in quotes, begins or ends with white space, or has control characters; use another`,
      );
    }
    this.#lines.push(`${key} = ${text}`);
    return this;
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }
}
