// Stands in for the shim daemon in the tests of launcher and keeper: keeps the daemon's side of their contract
// (docs/architecture.md, "The keeper"), writes down how it was started and what it was asked, and does by request what a
// test wants of it. A request's payload is JSON: {"op": ...}; its answer's payload is JSON too.
// Settings come as LXCRI_TEST_* variables, which are passed on like any LXCRI_*.
'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');

const RELAY_FD = 3;
const CONTROL_FD = 4;
const LOADED = 0x20;
const READY = 0x21;
const SLEEP = 0x22;
const PUBLISH = 0x23;
const RECORDED = 0x24;
const [BEGIN, GO, STAY, HANDOVER, PUBLISHED, ANNOUNCED] = [0x30, 0x31, 0x32, 0x33, 0x34, 0x35];
const { LXCRI_RUN_DIR: runDir, LXCRI_LIB_DIR: libDir, LXCRI_BUILD: build } = process.env;

const said = [];

function note(what) {
  said.push(what);
  fs.appendFileSync(path.join(runDir, 'notes'), `${JSON.stringify({ pid: process.pid, build, ...what })}\n`);
}

function readOr(file, fallback) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return fallback;
  }
}

function describeDescriptors() {
  return fs
    .readdirSync('/proc/self/fd')
    .map(Number)
    .flatMap((fd) => {
      try {
        return [[fd, fs.readlinkSync(`/proc/self/fd/${fd}`)]];
      } catch {
        return []; // the one that readdir itself had open
      }
    });
}

/** What a program that the daemon runs would inherit. Asks ls, because readdir in here shows this process's own. */
function descriptorsOfChild() {
  return spawnSync('ls', ['/proc/self/fd'], { encoding: 'utf8' }).stdout.trim().split('\n').map(Number);
}

function writeReport() {
  const report = {
    pid: process.pid,
    argv: process.argv,
    execArgv: process.execArgv,
    env: process.env,
    cwd: process.cwd(),
    umask: process.umask(),
    descriptors: describeDescriptors(),
    childDescriptors: descriptorsOfChild(),
    network: fs.readlinkSync('/proc/self/ns/net'),
    cgroups: readOr('/proc/self/cgroup', ''),
    status: readOr('/proc/self/status', ''),
    stat: readOr('/proc/self/stat', ''),
  };
  const file = path.join(runDir, `started-${process.pid}.json`);
  fs.writeFileSync(`${file}.new`, JSON.stringify(report));
  fs.renameSync(`${file}.new`, file);
}

function frame(stream, type, data = Buffer.alloc(0)) {
  const header = Buffer.alloc(10);
  header.writeUInt32BE(data.length, 0);
  header.writeUInt32BE(stream, 4);
  header.writeUInt8(type, 8);
  return Buffer.concat([header, data]);
}

/** Calls `each` with stream, type and data of every frame that comes. */
function readFrames(socket, each) {
  let rest = Buffer.alloc(0);
  socket.on('data', (data) => {
    rest = Buffer.concat([rest, data]);
    while (rest.length >= 10 && rest.length >= 10 + rest.readUInt32BE(0)) {
      const end = 10 + rest.readUInt32BE(0);
      each(rest.readUInt32BE(4), rest[8], rest.subarray(10, end));
      rest = rest.subarray(end);
    }
  });
  socket.on('error', () => undefined);
}

function varint(value) {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return Buffer.from([...bytes, value]);
}

const bytesField = (number, data) => Buffer.concat([Buffer.from([(number << 3) | 2]), varint(data.length), data]);

/** The fields of a message that are bytes, by their numbers. */
function bytesFields(message) {
  const fields = {};
  let at = 0;
  const readVarint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = readVarint();
    const length = readVarint();
    if ((key & 7) !== 2) continue;
    fields[key >> 3] = message.subarray(at, at + length);
    at += length;
  }
  return fields;
}

const response = (stream, payload) => frame(stream, 2, bytesField(2, payload));

if (fs.existsSync(path.join(libDir, 'crash'))) throw new Error('a daemon that cannot start');
// Before the first stream, for which Node itself opens a descriptor.
writeReport();

const control = new net.Socket({ fd: CONTROL_FD, readable: true, writable: true });
const words = (...all) => Buffer.from(all.map((word) => `${word}\0`).join(''));
const tell = (type, data) => control.write(frame(0, type, data));

let serving = false;
let requests = 0;
let containers = Number(process.env.LXCRI_TEST_CONTAINERS ?? 1);
/** Answers to PUBLISH that somebody waits for, by key. */
const published = new Map();

/** What a test asks for. `answer` takes the answer's JSON; what is not answered stays open. */
const operations = {
  echo: (_, { answer }) => answer({ pid: process.pid, build }),
  wait: () => undefined,
  /** Nobody gets an answer of the first that is asked. */
  die: () => {
    if (fs.existsSync(path.join(runDir, 'died'))) return;
    fs.writeFileSync(path.join(runDir, 'died'), '');
    process.kill(process.pid, 'SIGKILL');
  },
  crash: () => process.exit(3),
  dieOnce: (request, context) => {
    operations.die();
    operations.echo(request, context);
  },
  /** Half of the answer, then death; the next daemon answers. */
  halfOnce: (request, { answer, socket, stream }) => {
    if (fs.existsSync(path.join(runDir, 'died'))) return answer({ whole: true });
    socket.write(response(stream, Buffer.alloc(1000)).subarray(0, 500), () => operations.die());
  },
  size: ({ size }, { answer, payload }) => answer({ got: payload.length, filler: 'x'.repeat(size ?? 0) }),
  late: ({ ms }, { answer }) => setTimeout(() => answer({ pid: process.pid }), ms),
  unknown: (_, { answer, socket }) => {
    socket.write(response(999_999, Buffer.from('{}')));
    socket.write(frame(1, 77, Buffer.from('what is this')));
    answer({});
  },
  hangUp: (_, { socket }) => socket.destroy(),
  sleep: (request, { answer }) => {
    if (request.containers !== undefined) containers = request.containers;
    answer({ pid: process.pid });
    // Behind the answer, and once more after each STAY if the test wants so.
    setTimeout(() => askToSleep(request.requests), 20);
  },
  publish: ({ key, address, text }) => {
    tell(PUBLISH, Buffer.concat([words(key, address), Buffer.from(text)]));
  },
  publishAndTell: ({ key, address, text }, { answer }) => {
    published.set(key, answer);
    tell(PUBLISH, Buffer.concat([words(key, address), Buffer.from(text)]));
  },
  recorded: ({ key }, { answer }) => {
    tell(RECORDED, words(key));
    answer({});
  },
  said: (_, { answer }) => answer({ said }),
};

function askToSleep(count = requests) {
  tell(SLEEP, words(count, containers));
}

function cleanUp(stream, socket, payload, raw) {
  fs.writeFileSync(path.join(runDir, 'request'), raw);
  const fields = bytesFields(payload);
  const [namespace, id] = [String(fields[1]), String(fields[2])];
  const directory = path.join(runDir, 'containers', namespace, id);
  const deathNote = path.join(directory, 'die');
  if (fs.existsSync(deathNote)) {
    fs.unlinkSync(deathNote);
    process.kill(process.pid, 'SIGKILL');
  }
  if (id.startsWith('silent')) return;
  if (id.startsWith('garbage')) return void socket.write(frame(stream, 2, Buffer.from([0x12, 0x7f])));
  if (id.startsWith('huge')) return void socket.write(frame(stream, 2, Buffer.alloc(100_000)));
  if (id.startsWith('gone')) {
    fs.rmSync(directory, { recursive: true });
    return void socket.destroy();
  }
  if (id.startsWith('refused')) {
    const status = Buffer.concat([Buffer.from([0x08, 13]), bytesField(2, Buffer.from('no way'))]);
    return void socket.write(frame(stream, 2, bytesField(1, status)));
  }
  // DeleteResponse {pid: 4242, exit_status: 7}, byte by byte at the start: an answer may come in any pieces.
  const reply = response(stream, Buffer.from([0x08, 0x92, 0x21, 0x10, 0x07]));
  socket.write(reply.subarray(0, 3), () => socket.write(reply.subarray(3)));
}

function serve(socket) {
  let introduction;
  socket.on('error', () => undefined);
  readFrames(socket, (stream, type, data) => {
    if (introduction === undefined) {
      introduction = data.toString().split('\0').slice(0, 3);
      note({ introduction });
      return;
    }
    if (type !== 1) return;
    requests++;
    if (!serving) return;
    const fields = bytesFields(data);
    if (String(fields[2]) === 'Cleanup') {
      cleanUp(stream, socket, fields[3], Buffer.concat([frame(stream, type, data)]));
      return;
    }
    const request = JSON.parse(String(fields[3]).trimEnd());
    note({ request: request.op, stream, connection: introduction[1] });
    const answer = (value) => void socket.write(response(stream, Buffer.from(JSON.stringify(value))));
    operations[request.op](request, { answer, socket, stream, payload: fields[3] });
  });
}

/** A raw connection: an echo in capitals behind its introduction. */
function serveRaw(socket, first) {
  const end = 10 + first.readUInt32BE(0);
  note({ introduction: first.subarray(10, end).toString().split('\0').slice(0, 3), raw: true });
  socket.write(first.subarray(end).toString().toUpperCase());
  socket.on('data', (data) => socket.write(data.toString().toUpperCase()));
  socket.on('error', () => undefined);
}

function onConnection(socket) {
  let start = Buffer.alloc(0);
  const look = (data) => {
    start = Buffer.concat([start, data]);
    if (start.length < 10 || start.length < 11 + start.readUInt32BE(0)) return;
    socket.removeListener('data', look);
    if (start[10 + start.readUInt32BE(0)] === 0x50) return serveRaw(socket, start);
    serve(socket);
    socket.emit('data', start);
  };
  socket.on('data', look);
}

const handlers = {
  [BEGIN]: () => {
    note({ begin: true });
    net.createServer({ allowHalfOpen: false }, onConnection).listen({ fd: RELAY_FD }, () => {
      serving = true;
      tell(READY);
    });
  },
  [GO]: () => {
    note({ go: true });
    process.exit(0);
  },
  [STAY]: () => note({ stay: true }),
  [HANDOVER]: () => {
    serving = false;
    note({ handover: true });
    setTimeout(() => process.exit(0), Number(process.env.LXCRI_TEST_HANDOVER_MS ?? 50));
  },
  [PUBLISHED]: (data) => {
    const end = data.indexOf(0);
    const key = data.subarray(0, end).toString();
    const how = String.fromCharCode(data[end + 1]);
    const text = data.subarray(end + 2).toString();
    note({ published: key, how, text });
    published.get(key)?.({ how, text });
    published.delete(key);
  },
  [ANNOUNCED]: () => note({ announced: true }),
};

readFrames(control, (stream, type, data) => handlers[type]?.(data));
control.on('close', () => process.exit(1));
setTimeout(() => tell(LOADED), Number(readOr(path.join(libDir, 'load-ms'), '0')));
