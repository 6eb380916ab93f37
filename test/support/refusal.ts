import { StatusError, type Code } from '../../common/errors.ts';

export interface Refusal {
  readonly code: Code;
  readonly message: string;
}

/** What a call that must fail is answered with. @throws Error if it succeeds, or fails without an answer. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  const error = await call.then(
    () => new Error('the call succeeded'),
    (reason: unknown) => reason,
  );
  if (error instanceof StatusError) return { code: error.code, message: error.message };
  throw error;
}
