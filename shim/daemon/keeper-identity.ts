/** The keeper that started this daemon. */
export interface KeeperIdentity {
  /** Its pid and when it started: no other keeper, until the next boot, has the same. */
  readonly text: string;
  /** The host's network namespace, in which it is, and this process is not. */
  readonly hostNetwork: string;
}

/** From LXCRI_KEEPER: `PID.START`, START being field 22 of /proc/PID/stat. @throws Error if no keeper started this process. */
export function readKeeperIdentity({ LXCRI_KEEPER: text = '' }: NodeJS.ProcessEnv): KeeperIdentity {
  const pid = /^(\d+)\.\d+$/.exec(text)?.[1];
  if (pid === undefined) {
    throw new Error('this is the shim daemon; its keeper starts it when containerd runs a container');
  }
  return { text, hostNetwork: `/proc/${pid}/ns/net` };
}
