import { createServer, type Server, type Socket } from 'node:net';

/** The first byte of HTTP/2's connection preface, `PRI * HTTP/2.0`. A ttrpc frame begins with its length: 0x00. */
const HTTP2_FIRST_BYTE = 'P'.charCodeAt(0);

export interface ConnectionHandlers {
  ttrpc(socket: Socket): void;
  grpc(socket: Socket): void;
}

/** Serves ttrpc and gRPC on one socket: a connection's first byte tells which. */
export function createListener(handlers: ConnectionHandlers): Server {
  return createServer((socket) => {
    // A client that hangs up before it said anything is no fault.
    const ignore = () => undefined;
    socket.on('error', ignore);
    socket.once('readable', () => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) {
        socket.destroy();
        return;
      }
      socket.off('error', ignore);
      socket.unshift(chunk);
      if (chunk[0] === HTTP2_FIRST_BYTE) handlers.grpc(socket);
      else handlers.ttrpc(socket);
    });
  });
}
