/** What is in the image. Everything in this directory counts as the recipe: a change of any file makes a new image. */
export const SUITE = 'trixie';
export const COMPONENTS = ['main', 'contrib'];

export const PACKAGES = [
  ...['linux-image-amd64', 'zfsutils-linux', 'systemd-sysv', 'dbus', 'udev', 'kmod', 'apparmor', 'openssh-server'],
  ...['containerd', 'docker.io', 'docker-cli', 'lxc', 'crun', 'runc', 'criu', 'nodejs'],
  ...['acl', 'attr', 'busybox-static', 'e2fsprogs', 'iproute2', 'iptables', 'libcap2-bin', 'procps', 'strace'],
  ...['util-linux', 'xz-utils', 'zstd'],
];

/** What makes zfs.ko and vm-run; finish.sh removes them again. */
export const BUILD_PACKAGES = ['zfs-dkms', 'linux-headers-amd64', 'gcc', 'libc6-dev'];

/** What nobody reads in a test machine is not even unpacked. */
export const EXCLUDED_PATHS = ['doc', 'info', 'locale', 'man'].map((name) => `/usr/share/${name}/*`);

/** Sparse: it takes what is in it. */
export const ROOT_DISK_SIZE = '8G';
