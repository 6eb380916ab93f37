import { Exit } from '../command.ts';
import { formatJson, printable } from '../format.ts';
import { ProgressLine } from '../progress.ts';
import { layerJson, present } from './layer-text.ts';
import { receive } from './receive-verb.ts';
import { send } from './send-verb.ts';
import { flag, text, type Invocation, type Verb } from './verb.ts';

/** The verbs that make layers of layers, and take away what they made. */
export const copyVerbs: readonly Verb[] = [
  {
    name: 'flatten',
    args: 'NAME NEW-NAME',
    least: 2,
    most: 2,
    summary: 'merges a committed layer and all below it into one layer',
    help: `
The chain stays as it is. Nothing of the new layer is seen before it is whole.

Examples:
  proxmox-lxcri layerfs flatten sha256:0123456789ab app-flat`,
    run: flatten,
  },
  {
    name: 'rm',
    args: '[--force] NAME',
    least: 1,
    most: 1,
    summary: 'removes a layer that flatten, clone or receive made',
    help: `
  --force          removes one of containerd's too, which then looks for it in vain

Examples:
  proxmox-lxcri layerfs rm app-flat`,
    options: { force: flag },
    run: remove,
  },
  {
    name: 'send',
    args: 'NAME [-o FILE]',
    least: 1,
    most: 1,
    summary: 'writes a committed layer and all below it to a file or stdout (zfs store)',
    help: `
  -o, --output FILE  a new file; it is there once it is whole

Examples:
  proxmox-lxcri layerfs send sha256:0123456789ab -o app.layers
  proxmox-lxcri layerfs send sha256:0123456789ab | ssh other-host proxmox-lxcri layerfs receive`,
    options: { output: { ...text, short: 'o' } },
    run: send,
  },
  {
    name: 'receive',
    args: '[--prefix TEXT] [FILE]',
    least: 0,
    most: 1,
    summary: 'takes in what send wrote, from a file or stdin (zfs store)',
    help: `
A layer that is there already is left as it is. Each layer is there as a whole or not at all.

  --prefix TEXT    puts TEXT before the names of the layers

Examples:
  proxmox-lxcri layerfs receive app.layers
  proxmox-lxcri layerfs receive --prefix copy- app.layers`,
    options: { prefix: text },
    run: receive,
  },
];

async function flatten({ client, positionals: [name = '', newName = ''], json }: Invocation): Promise<number> {
  const progress = new ProgressLine();
  for await (const { message } of client.stream('flatten', { name, newName })) {
    if (message?.$case === 'progress')
      progress.bytes(message.progress.step, message.progress.done, message.progress.total);
    if (message?.$case !== 'layer') continue;
    progress.clear();
    const made = present(message.layer);
    process.stdout.write(json ? formatJson(layerJson(made)) : `${printable(`${made.name} is ${made.place}`)}\n`);
  }
  progress.clear();
  return Exit.ok;
}

async function remove({ client, positionals: [wanted = ''], values, json }: Invocation): Promise<number> {
  const { name } = await client.call('remove', { name: wanted, force: values['force'] === true });
  process.stdout.write(json ? formatJson({ name }) : `${printable(name)} removed\n`);
  return Exit.ok;
}
