import type { Vm } from '../vm/vm.ts';

/** What a VM's figures depend on. */
export interface VmDescription {
  readonly kernel: string;
  readonly zfs: string;
  readonly containerd: string;
  readonly node: string;
  readonly accelerator: string;
}

export async function describeVm(vm: Vm): Promise<VmDescription> {
  const say = (script: string) => vm.succeed(['sh', '-c', script]);
  return {
    kernel: await say('uname -r'),
    zfs: await say('cat /sys/module/zfs/version'),
    containerd: await say("containerd --version | awk '{print $3}'"),
    node: await say('node --version'),
    accelerator: (await say('systemd-detect-virt')) === 'kvm' ? 'KVM' : 'TCG, without KVM',
  };
}
