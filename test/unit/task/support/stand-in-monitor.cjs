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
setTimeout(() => process.exit(1), 30_000).unref();

function writeStatus(directory, phase, started, end) {
  const lines = [`phase ${phase}`, `started ${started ? 1 : 0}`, `pid ${PID} ${START_TIME}`];
  if (end !== undefined) lines.push(`exit ${end} 1700000000 5`);
  fs.writeFileSync(path.join(directory, 'status.new'), `${lines.join('\n')}\n`);
  fs.renameSync(path.join(directory, 'status.new'), path.join(directory, 'status'));
}

function cleanUp(directory) {
  writeStatus(directory, 'stopped', false, 137);
}

class StandIn {
  constructor() {
    this.connections = new Set();
    this.phase = 'creating';
    this.started = false;
    this.directory = undefined;
    this.end = undefined;
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

  command(socket, line) {
    const [word, argument] = line.split(' ');
    if (word === 'run') this.run(line.slice('run '.length));
    if (word === 'start') this.start();
    if (word === 'signal') this.signal(socket, Number(argument));
    if (word === 'sleep') socket.end('asleep\n');
    if (word === 'abort') this.exit(137);
    if (word === 'release' && this.phase === 'stopped') this.leave();
  }

  run(directory) {
    this.directory = directory;
    const id = path.basename(directory);
    if (id.startsWith('dies')) process.exit(1);
    if (id.startsWith('fails')) {
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
        this.phase = 'created';
        writeStatus(directory, 'created', false);
        this.tell(`created ${PID} ${START_TIME}`);
      });
  }

  greet(socket) {
    socket.write(`created ${PID} ${START_TIME}\n`);
    if (this.started) socket.write('running\n');
    if (this.phase === 'stopped') socket.write(`exited ${this.end} 1700000000 5\n`);
  }

  start() {
    this.started = true;
    this.phase = 'running';
    writeStatus(this.directory, 'running', true);
    this.tell('running');
  }

  signal(socket, number) {
    socket.write('signalled 0\n');
    if (number === 9 || number === 15) this.exit(128 + number);
  }

  exit(status) {
    if (this.phase === 'stopped') return;
    this.phase = 'stopped';
    this.end = status;
    writeStatus(this.directory, 'stopped', this.started, status);
    this.tell(`exited ${status} 1700000000 5`);
    // As if a client still had to read what the container wrote.
    setTimeout(() => this.leave(), 200);
  }

  leave() {
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
