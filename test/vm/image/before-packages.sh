#!/bin/sh
# mmdebstrap runs this before it installs the packages; $1 is the new root.
set -eu
# dkms asks whoever installs ZFS to take note of its licence.
printf 'zfs-dkms zfs-dkms/note-incompatible-licenses note true\n' | chroot "$1" debconf-set-selections
