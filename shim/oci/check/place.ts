import { invalidArgument, type StatusError } from '../../../common/errors.ts';

/**
 * Where in a document a value stands. Made for every value that is looked at, so it is two fields and the path's text
 * is put together only for a message.
 */
export class Place {
  private readonly parent: Place | Document;
  private readonly key: string | number;

  constructor(parent: Place | Document, key: string | number) {
    this.parent = parent;
    this.key = key;
  }

  at(key: string | number): Place {
    return new Place(this, key);
  }

  /** `process.capabilities.bounding[3]`, `annotations["io.example/x"]`; empty for the document itself. */
  get path(): string {
    if (!(this.parent instanceof Place)) return '';
    const before = this.parent.path;
    if (typeof this.key === 'number') return `${before}[${this.key}]`;
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(this.key)) return `${before}[${show(this.key)}]`;
    return before === '' ? this.key : `${before}.${this.key}`;
  }

  /** An InvalidArgument error that names document, path, value and what is expected instead. */
  refusal(value: unknown, expected: string): StatusError {
    const found = value === undefined ? 'is missing' : `is ${show(value)}`;
    return invalidArgument(`${this.document.name}: ${this.path || 'the document'} ${found}: expected ${expected}`);
  }

  /** Reports something that is tolerated; the shim logs it. */
  warn(message: string): void {
    this.document.warnings.push(`${this.document.name}: ${this.path}: ${message}`);
  }

  private get document(): Document {
    return this.parent instanceof Place ? this.parent.document : this.parent;
  }
}

/** The document that is being checked: its name in messages, and what was tolerated so far. */
export interface Document {
  readonly name: string;
  readonly warnings: string[];
}

/** The place of a document's outermost value. */
export const rootOf = (document: Document): Place => new Place(document, '');

const SHOWN = 60;

/** A value for a message: strings quoted and shortened, lists and objects only named, as they may be huge. */
export function show(value: unknown): string {
  if (typeof value === 'string') {
    return value.length <= SHOWN ? JSON.stringify(value) : `${JSON.stringify(value.slice(0, SHOWN))}…`;
  }
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}
