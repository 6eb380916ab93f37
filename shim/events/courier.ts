/**
 * Who brings requests to containerd: the keeper, which outlives this daemon, so that one that is under way when the
 * daemon ends is not sent twice.
 */
export interface Courier {
  /**
   * Sends a request to the ttrpc socket `address` and returns the data of its response frame, whatever that says. While
   * one of the same key is under way, or its answer is kept, none is sent: that answer is returned.
   * @throws StatusError Unavailable if it is unknown whether it has arrived: it may be asked for again.
   */
  forward(key: string, address: string, request: Uint8Array): Promise<Uint8Array>;
  /** The answer need not be kept any more. */
  recorded(key: string): void;
}
