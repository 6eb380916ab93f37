import { unlink } from 'node:fs/promises';
import { Endpoint, type EndpointOptions } from './endpoint.ts';
import type { RunPaths } from './paths.ts';

/**
 * The daemon's sockets: its own, made by the launcher, and one for each namespace, made on demand
 * (shim/native/launcher/namespace-socket.h says why).
 */
export class Endpoints {
  readonly #paths: RunPaths;
  readonly #main: Endpoint;
  readonly #namespaces = new Map<string, Promise<Endpoint>>();
  readonly #all: Endpoint[] = [];
  readonly #create: (namespace: string | undefined) => Endpoint;

  constructor(paths: RunPaths, options: Omit<EndpointOptions, 'namespace' | 'shim'> & ShimOption) {
    this.#paths = paths;
    const shim = options.shim((namespace) => this.listen(namespace));
    this.#create = (namespace) => new Endpoint({ ...options, shim, namespace });
    this.#main = this.#create(undefined);
    this.#all.push(this.#main);
  }

  get connections(): number {
    return this.#all.reduce((sum, endpoint) => sum + endpoint.connections, 0);
  }

  async serveDescriptor(fd: number): Promise<void> {
    await this.#main.serveDescriptor(fd);
  }

  /** Resolves once the namespace's socket listens. */
  async listen(namespace: string): Promise<void> {
    const found = this.#namespaces.get(namespace) ?? this.#open(namespace);
    this.#namespaces.set(namespace, found);
    try {
      await found;
    } catch (error) {
      this.#namespaces.delete(namespace);
      throw error;
    }
  }

  async #open(namespace: string): Promise<Endpoint> {
    const endpoint = this.#create(namespace);
    await endpoint.servePath(this.#paths.namespaceSocket(namespace));
    this.#all.push(endpoint);
    return endpoint;
  }

  /** Takes the sockets of namespaces away, so that no launcher hands one out any more. */
  async unlinkNamespaces(): Promise<void> {
    const namespaces = [...this.#namespaces.keys()];
    await Promise.all(namespaces.map((name) => unlink(this.#paths.namespaceSocket(name)).catch(() => undefined)));
  }

  async close(timeoutMs: number): Promise<void> {
    await Promise.all(this.#all.map((endpoint) => endpoint.close(timeoutMs)));
  }
}

interface ShimOption {
  readonly shim: (listen: (namespace: string) => Promise<void>) => EndpointOptions['shim'];
}
