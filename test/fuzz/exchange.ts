import { connect, type Socket } from 'node:net';
import { Answers, type AnswerTally, type BadAnswer } from './answers.ts';

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

/** Counts the answers in `tally`. @returns what was wrong: nothing, if all is well. */
export async function carryOut(
  socketPath: string,
  exchange: Exchange,
  patienceMs: number,
  tally: AnswerTally,
): Promise<BadAnswer[]> {
  const socket = connect(socketPath);
  const answers = new Answers(tally);
  const wrong: BadAnswer[] = [];
  const complain = (why: string) => wrong.push({ stream: 0, why });
  const told = listen(socket, answers, exchange, complain);
  socket.write(exchange.bytes, () => {
    if (exchange.vanishes) socket.destroy();
  });
  if (!exchange.vanishes) {
    if (exchange.expected === undefined) socket.end();
    else await allAnswered(socket, answers, exchange.expected, patienceMs, complain);
  }
  socket.end();
  if (!(await within(patienceMs, told.closed))) complain(`the connection was not closed within ${patienceMs} ms`);
  socket.destroy();
  const { expected } = exchange;
  if (expected !== undefined && answers.count > expected) complain(`${answers.count - expected} answers too many`);
  if (expected !== undefined && answers.insideFrame) complain('the last answer was cut');
  return [...answers.bad, ...wrong];
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
async function allAnswered(
  socket: Socket,
  answers: Answers,
  expected: number,
  patienceMs: number,
  complain: (why: string) => void,
): Promise<void> {
  let seen = -1;
  let since = Date.now();
  while (answers.count < expected && !socket.closed) {
    if (answers.count > seen) {
      seen = answers.count;
      since = Date.now();
    } else if (Date.now() - since > patienceMs) {
      complain(`${expected - seen} of ${expected} requests were not answered within ${patienceMs} ms`);
      return;
    }
    await nextEvent(socket);
  }
  if (answers.count < expected) complain(`closed with ${expected - answers.count} of ${expected} requests unanswered`);
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

async function within(limitMs: number, happens: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
    }, limitMs);
  });
  const result = await Promise.race([happens.then(() => true), late]);
  clearTimeout(timer);
  return result;
}
