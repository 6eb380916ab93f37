/** Bytes that are written one after the other, without an allocation for each. */
export class ByteSink {
  #bytes: Buffer;
  #length = 0;

  constructor(size = 1 << 16) {
    this.#bytes = Buffer.allocUnsafe(size);
  }

  get length(): number {
    return this.#length;
  }

  /** A copy of all that was written, or of a part. */
  copy(start = 0, end = this.#length): Buffer {
    return Buffer.from(this.#bytes.subarray(start, end));
  }

  /** Forgets what comes after so many bytes. */
  truncate(length: number): void {
    this.#length = length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  fill(value: number, count: number): void {
    this.#reserve(count);
    this.#bytes.fill(value, this.#length, this.#length + count);
    this.#length += count;
  }

  uint32(value: number): void {
    this.#reserve(4);
    this.#length = this.#bytes.writeUInt32BE(value, this.#length);
  }

  /** Of a protobuf, up to 32 bits. */
  varint(value: number): void {
    let rest = value >>> 0;
    for (; rest > 0x7f; rest >>>= 7) this.byte((rest & 0x7f) | 0x80);
    this.byte(rest);
  }

  /** What was written may be changed. */
  at(position: number): number {
    return this.#bytes[position] ?? 0;
  }

  set(position: number, value: number): void {
    this.#bytes[position] = value;
  }

  setUint32(position: number, value: number): void {
    this.#bytes.writeUInt32BE(value, position);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + count));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
