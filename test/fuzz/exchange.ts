import { connect, type Socket } from 'node:net';
import { settlesWithin } from '../support/settles-within.ts';
import { Answers, type AnswerTally } from './answers.ts';
import { frameOf, unansweredIn } from './frame-of.ts';

/** What is sent over one connection, and what is to come of it. */
export interface Exchange {
  readonly name: string;
  readonly bytes: Buffer;
  readonly frames: number;
  /** How many answers there have to be; undefined: nobody can say, but the connection must come to its end. */
  readonly expected: number | undefined;
  /** The client vanishes, and takes no answer. */
  readonly vanishes: boolean;
  /** It is no ttrpc, nor are its answers. */
  readonly isHttp2: boolean;
}

/** What was wrong, and the frame that is to blame, if it is known. */
export interface Objection {
  readonly why: string;
  readonly frame?: Buffer | undefined;
}

/** Counts the answers in `tally`. @returns what was wrong: nothing, if all is well. */
export async function carryOut(
  socketPath: string,
  exchange: Exchange,
  patienceMs: number,
  tally: AnswerTally,
): Promise<Objection[]> {
  const socket = connect(socketPath);
  const answers = new Answers(tally);
  const wrong: Objection[] = [];
  const complain = (why: string) => wrong.push({ why });
  const told = listen(socket, answers, exchange, complain);
  socket.write(exchange.bytes, () => {
    if (exchange.vanishes) socket.destroy();
  });
  if (!exchange.vanishes) {
    if (exchange.expected === undefined) socket.end();
    else wrong.push(...(await untilAnswered(socket, answers, exchange, patienceMs)));
  }
  socket.end();
  if (!(await settlesWithin(told.closed, patienceMs)))
    complain(`the connection was not closed within ${patienceMs} ms`);
  socket.destroy();
  const { expected } = exchange;
  if (expected !== undefined && answers.count > expected) complain(`${answers.count - expected} answers too many`);
  if (expected !== undefined && answers.insideFrame) complain('the last answer was cut');
  // Where a frame is broken, nobody can say where the next one begins.
  const isWhole = expected !== undefined;
  const bad = answers.bad.map(({ stream, why }) => ({
    why,
    frame: isWhole ? frameOf(exchange.bytes, stream) : undefined,
  }));
  return [...bad, ...wrong];
}

function listen(socket: Socket, answers: Answers, { isHttp2 }: Exchange, complain: (why: string) => void) {
  // That the other end closes while we write is what garbage deserves.
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    if (isHttp2) return;
    try {
      answers.push(chunk);
    } catch (error) {
      complain(String(error));
      socket.destroy();
    }
  });
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      resolve();
    });
  });
  return { closed };
}

/** As long as answers come there is no hurry. */
async function untilAnswered(
  socket: Socket,
  answers: Answers,
  { expected = 0, bytes }: Exchange,
  patienceMs: number,
): Promise<Objection[]> {
  let seen = -1;
  let since = Date.now();
  while (answers.count < expected && !socket.closed && Date.now() - since <= patienceMs) {
    if (answers.count > seen) {
      seen = answers.count;
      since = Date.now();
    }
    await nextEvent(socket);
  }
  if (answers.count >= expected) return [];
  const how = socket.closed ? 'when the connection was closed' : `within ${patienceMs} ms`;
  const why = `${expected - answers.count} of ${expected} requests were not answered ${how}; here is the first of them`;
  return [{ why, frame: unansweredIn(bytes, answers.streams) }];
}

/** Something came, or the connection closed, or a moment passed. */
function nextEvent(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      socket.off('data', done);
      socket.off('close', done);
      resolve();
    };
    const timer = setTimeout(done, 200);
    socket.once('data', done);
    socket.once('close', done);
  });
}
