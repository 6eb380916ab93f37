/**
 * Stands for lxcri-monitor where a test is about the daemon: the same lines and files, but no container. The id says
 * how it behaves: `fails…`, `dies…`, or a life that ends with the first SIGTERM or SIGKILL.
 */
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');

const PID = process.pid;
const START_TIME = 77;
/** A test that forgets its monitors must not keep them for ever. */
setTimeout(() => process.exit(1), 120_000).unref();

function writeStatus(directory, phase, started, end, more = []) {
  const lines = [`phase ${phase}`, `started ${started ? 1 : 0}`, `pid ${PID} ${START_TIME}`];
  if (end !== undefined) lines.push(`exit ${end} 1700000000 5`);
  lines.push(...more);
  fs.writeFileSync(path.join(directory, 'status.new'), `${lines.join('\n')}\n`);
  fs.renameSync(path.join(directory, 'status.new'), path.join(directory, 'status'));
}

function cleanUp(directory) {
  const file = path.join(directory, 'status');
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  if (text !== '' && !text.includes('\nexit ')) writeStatus(directory, 'stopped', false, 137);
}

class StandIn {
  constructor() {
    this.connections = new Set();
    this.phase = 'creating';
    this.started = false;
    this.directory = undefined;
    this.end = undefined;
    this.asked = undefined;
    /** What became of calls. */
    this.done = new Map();
    this.execs = new Map();
  }

  serve(socket) {
    this.connections.add(socket);
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      for (const line of lines) this.command(socket, line);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.connections.delete(socket);
      if (this.directory === undefined) process.exit(0);
    });
  }

  tell(line) {
    for (const socket of this.connections) socket.write(`${line}\n`);
  }

  command(socket, line, call) {
    const [word, argument, ...rest] = line.split(' ');
    if (word === 'for') this.carryOut(socket, argument, rest.join(' '));
    if (word === 'greet') socket.write('greeted\n');
    if (word === 'exec') this.execCommand(socket, argument, rest, call);
    if (word === 'run') this.run(line.slice('run '.length));
    if (word === 'start') this.start(call);
    if (word === 'signal' || word === 'signal-all') this.signal(socket, Number(argument), call);
    if (word === 'sleep') socket.end('asleep\n');
    if (word === 'abort') this.exit(137);
    if (word === 'release' && this.phase === 'stopped') this.leave();
  }

  /** Once. */
  carryOut(socket, call, command) {
    if (/^(start|exec \S+ start )/.test(command)) {
      this.command(socket, command, call);
      return;
    }
    if (!this.done.has(call)) {
      this.note(`carried out ${command}`);
      this.done.set(call, 0);
      this.command(socket, command, call);
    }
    socket.write(`done ${call} ${this.done.get(call)}\n`);
  }

  /** For tests: what was really done. */
  note(text) {
    fs.appendFileSync(path.join(this.directory, '../../../../monitor.notes'), `${text}\n`);
  }

  execCommand(socket, id, [word], call) {
    const exec = this.execs.get(id);
    if (word === 'start' && exec === undefined) this.startExec(id, call);
    if (word === 'start' && exec !== undefined) this.tellExec(socket, id, exec);
    if (word === 'signal' && call === undefined) socket.write(`signalled ${exec === undefined ? 3 : 0}\n`);
    else if (word === 'signal' && exec === undefined) this.done.set(call, 3);
    if (word === 'signal' && exec !== undefined) this.endExec(id, exec);
    if (word === 'release') {
      this.execs.delete(id);
      socket.write(`exec ${id} released\n`);
    }
  }

  startExec(id, call) {
    this.note(`started exec ${id}`);
    const exec = { call, ended: false };
    this.execs.set(id, exec);
    this.writeExec(id, exec);
    this.tell(`exec ${id} running ${PID} ${START_TIME}`);
  }

  writeExec(id, { call, ended }) {
    const asked = call === undefined ? [] : [`asked ${call}`];
    const lines = [`phase ${ended ? 'stopped' : 'running'}`, 'started 1', `pid ${PID} ${START_TIME}`];
    if (ended) lines.push('exit 9 1700000000 5');
    const file = path.join(this.directory, 'execs', `${id}.status`);
    fs.writeFileSync(`${file}.new`, `${[...lines, ...asked].join('\n')}\n`);
    fs.renameSync(`${file}.new`, file);
  }

  endExec(id, exec) {
    exec.ended = true;
    this.writeExec(id, exec);
    this.tell(`exec ${id} exited 9 1700000000 5`);
  }

  tellExec(socket, id, { call, ended }) {
    if (call !== undefined) socket.write(`exec ${id} asked ${call}\n`);
    socket.write(`exec ${id} running ${PID} ${START_TIME}\n`);
    if (ended) socket.write(`exec ${id} exited 9 1700000000 5\n`);
  }

  run(directory) {
    this.directory = directory;
    const id = path.basename(directory);
    // A daemon that died with its last word has a successor, which may have begun anew.
    setTimeout(() => {
      if (this.connections.size === 0) process.exit(0);
      this.create(directory, id);
    }, 2);
  }

  create(directory, id) {
    if (id.startsWith('dies')) process.exit(1);
    if (id.startsWith('fails')) {
      fs.writeFileSync(path.join(directory, 'failure'), '2 no such thing\n');
      this.tell('failed 2 no such thing');
      this.leave();
      return;
    }
    net
      .createServer((socket) => {
        this.greet(socket);
        this.serve(socket);
      })
      .listen(path.join(directory, 'monitor.sock'), () => {
        if (this.connections.size === 0) process.exit(0);
        this.phase = 'created';
        writeStatus(directory, 'created', false);
        this.tell(`created ${PID} ${START_TIME}`);
      });
  }

  greet(socket) {
    if (this.phase === 'creating') return;
    socket.write(`created ${PID} ${START_TIME}\n`);
    if (this.asked !== undefined) socket.write(`asked ${this.asked}\n`);
    if (this.started) socket.write('running\n');
    for (const [id, exec] of this.execs) this.tellExec(socket, id, exec);
    if (this.phase === 'stopped') socket.write(`exited ${this.end} 1700000000 5\n`);
  }

  start(call) {
    if (this.phase !== 'created') return;
    this.note('started');
    this.asked = call;
    this.started = true;
    this.phase = 'running';
    writeStatus(this.directory, 'running', true, undefined, this.words());
    this.tell('running');
  }

  words() {
    const done = [...this.done].map(([call, errno]) => `done ${call} ${errno}`);
    return [...(this.asked === undefined ? [] : [`asked ${this.asked}`]), ...done];
  }

  signal(socket, number, call) {
    if (call === undefined) socket.write('signalled 0\n');
    else if (this.phase === 'stopped') this.done.set(call, 3);
    if (number === 9 || number === 15) this.exit(128 + number);
  }

  exit(status) {
    if (this.phase === 'stopped') return;
    this.phase = 'stopped';
    this.end = status;
    writeStatus(this.directory, 'stopped', this.started, status, this.words());
    this.tell(`exited ${status} 1700000000 5`);
    // As if a client still had to read what the container wrote.
    setTimeout(() => this.leave(), 200);
  }

  leave() {
    for (const name of ['monitor.sock', 'monitor.plan']) fs.rmSync(path.join(this.directory, name), { force: true });
    let open = this.connections.size;
    if (open === 0) process.exit(0);
    for (const socket of this.connections) {
      socket.end(() => {
        if ((open -= 1) === 0) process.exit(0);
      });
    }
  }
}

if (process.argv[2] === '--cleanup') cleanUp(process.argv[3]);
else new StandIn().serve(new net.Socket({ fd: 3, readable: true, writable: true }));
