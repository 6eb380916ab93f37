// Stands in for the shim daemon in the launcher's tests: keeps the daemon's side of the protocol that is described in
// shim/native/launcher/ensure-daemon.h, writes down how it was started, and answers Cleanup by the container's id.
// Settings come as LXCRI_TEST_* variables, which the launcher passes on like any LXCRI_*.
'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');

const SOCKET_FD = 3;
const LOCK_FD = 4;
const runDir = process.env.LXCRI_RUN_DIR;
const inDaemonDir = (suffix) => path.join(runDir, 'daemon', process.env.LXCRI_BUILD + suffix);
const socketPath = inDaemonDir('.sock');
const leavingPath = inDaemonDir('.leaving');
const linger = Number(process.env.LXCRI_TEST_LINGER_MS ?? 60_000);
const dawdle = Number(process.env.LXCRI_TEST_DAWDLE_MS ?? 0);

function readOr(file, fallback) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return fallback;
  }
}

function describeDescriptors() {
  const names = fs.readdirSync('/proc/self/fd').map(Number);
  const targets = names.map((fd) => {
    try {
      return [fd, fs.readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [fd, undefined]; // the one that readdir itself had open
    }
  });
  return targets.filter(([, target]) => target !== undefined);
}

/** What a program that the daemon runs would inherit. Asks ls, because readdir in here shows this process's own. */
function descriptorsOfChild() {
  return spawnSync('ls', ['/proc/self/fd'], { encoding: 'utf8' }).stdout.trim().split('\n').map(Number);
}

function writeReport() {
  const mask = process.umask();
  const report = {
    pid: process.pid,
    argv: process.argv,
    execArgv: process.execArgv,
    env: process.env,
    cwd: process.cwd(),
    umask: mask,
    descriptors: describeDescriptors(),
    childDescriptors: descriptorsOfChild(),
    cgroups: readOr('/proc/self/cgroup', ''),
    status: readOr('/proc/self/status', ''),
    stat: readOr('/proc/self/stat', ''),
  };
  const file = path.join(runDir, `started-${process.pid}.json`);
  fs.writeFileSync(`${file}.new`, JSON.stringify(report));
  fs.renameSync(`${file}.new`, file);
}

function publishSocket() {
  try {
    fs.renameSync(inDaemonDir('.new'), socketPath);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}

function busyWait(milliseconds) {
  const end = process.hrtime.bigint() + BigInt(Math.round(milliseconds * 1e6));
  while (process.hrtime.bigint() < end);
}

const lastTouch = () => fs.fstatSync(LOCK_FD, { bigint: true }).mtimeNs;
let touchSeen = lastTouch();
let connections = 0;

function leaveCgroups() {
  for (const directory of (process.env.LXCRI_CGROUP_DIRS ?? '').split(':').filter(Boolean)) {
    const parent = path.dirname(directory);
    try {
      fs.writeFileSync(path.join(path.dirname(parent), 'cgroup.procs'), String(process.pid));
      fs.rmdirSync(directory);
      fs.rmdirSync(parent);
    } catch {
      // Another daemon lives there too.
    }
  }
}

/** The daemon's half of the protocol. With LXCRI_TEST_DAWDLE_MS it is slow at each step, which opens every window. */
function endIfIdle() {
  if (connections === 0) {
    fs.writeFileSync(leavingPath, '');
    busyWait(Math.random() * dawdle);
    const touch = lastTouch();
    if (touch === touchSeen) {
      busyWait(Math.random() * dawdle);
      for (const namespace of namespaces) fs.unlinkSync(inDaemonDir(`.${namespace}.sock`));
      fs.unlinkSync(socketPath);
      busyWait(Math.random() * dawdle);
      leaveCgroups();
      fs.unlinkSync(leavingPath);
      busyWait(Math.random() * dawdle);
      fs.unlinkSync(inDaemonDir('.lock'));
      busyWait(Math.random() * dawdle);
      process.exit(0);
    }
    touchSeen = touch;
    fs.unlinkSync(leavingPath);
  }
  setTimeout(endIfIdle, linger);
}

function frame(stream, type, data) {
  const header = Buffer.alloc(10);
  header.writeUInt32BE(data.length, 0);
  header.writeUInt32BE(stream, 4);
  header.writeUInt8(type, 8);
  return Buffer.concat([header, data]);
}

const bytesField = (number, data) => Buffer.concat([Buffer.from([(number << 3) | 2, data.length]), data]);

/** What the daemon answers for a container, by its id. Null: it keeps silent. */
function answerTo(id) {
  if (id.startsWith('silent')) return null;
  if (id.startsWith('garbage')) return frame(1, 2, Buffer.from([0x12, 0x7f]));
  if (id.startsWith('huge')) return frame(1, 2, Buffer.alloc(100_000));
  if (id.startsWith('refused'))
    return frame(1, 2, bytesField(1, Buffer.concat([Buffer.from([0x08, 13]), bytesField(2, Buffer.from('no way'))])));
  // DeleteResponse {pid: 4242, exit_status: 7}, behind a frame that concerns nobody here
  return Buffer.concat([
    frame(99, 3, Buffer.alloc(5000)),
    frame(1, 2, bytesField(2, Buffer.from([0x08, 0x92, 0x21, 0x10, 0x07]))),
  ]);
}

function answer(connection, data) {
  const text = data.toString('latin1');
  // Method Listen, whose payload (field 3) has the namespace as its field 1.
  const listen = /\x06Listen\x1a.\n(.)/su.exec(text);
  if (listen) {
    const start = listen.index + listen[0].length;
    return listenFor(text.slice(start, start + listen[1].charCodeAt(0)), () =>
      connection.end(frame(1, 2, Buffer.alloc(0))),
    );
  }
  if (text.startsWith('ping')) return void connection.end(`${process.pid}`);
  fs.writeFileSync(path.join(runDir, 'request'), data);
  const directory = path.join(runDir, 'containers');
  for (const namespace of fs.existsSync(directory) ? fs.readdirSync(directory) : []) {
    for (const id of fs.readdirSync(path.join(directory, namespace))) {
      if (!text.includes(id)) continue;
      const deathNote = path.join(directory, namespace, id, 'die');
      if (fs.existsSync(deathNote)) {
        fs.unlinkSync(deathNote);
        process.kill(process.pid, 'SIGKILL');
      }
      const reply = answerTo(id);
      if (reply === null) return;
      if (id.startsWith('gone')) fs.rmSync(path.join(directory, namespace, id), { recursive: true });
      if (id.startsWith('gone')) return void connection.end();
      // Byte by byte at the start: a reply may come in any pieces.
      connection.write(reply.subarray(0, 3), () => connection.write(reply.subarray(3)));
      return;
    }
  }
  connection.end();
}

const namespaces = new Set();

/** Makes the socket of a namespace, seen only once it listens. */
function listenFor(namespace, done) {
  if (namespaces.has(namespace)) return done();
  namespaces.add(namespace);
  const temporary = inDaemonDir(`.${namespace}.${Math.random()}`);
  createServer().listen(temporary, () => {
    fs.renameSync(temporary, inDaemonDir(`.${namespace}.sock`));
    done();
  });
}

function createServer() {
  return net.createServer((connection) => {
    connections++;
    connection.on('close', () => connections--);
    connection.on('error', () => undefined);
    connection.once('data', (data) => answer(connection, data));
  });
}

if (process.env.LXCRI_TEST_CRASH) throw new Error('a daemon that cannot start');
writeReport();
publishSocket();
createServer().listen({ fd: SOCKET_FD }, () => setTimeout(endIfIdle, linger));
