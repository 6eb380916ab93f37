#!/bin/sh
# Runs in the new root after its packages were installed: keeps the ZFS module, drops what built it, and leaves a
# machine that boots without waiting for anything. mmdebstrap gives the root's path; the rest happens inside.
set -eu

here=$(dirname "$0")
root=$1

inside() {
	chroot "$root" "$@"
}

kernel=$(ls "$root/lib/modules")
modules=$root/lib/modules/$kernel

step() {
	printf 'vm-step: %s\n' "$1"
}

keep_zfs_modules() {
	[ -n "$(find "$modules/updates/dkms" -name 'zfs.ko*')" ] || inside dkms autoinstall -k "$kernel"
	mv "$modules/updates" "$root/zfs-modules"
}

# Static, since to link takes the emulated processor longer than to run.
compile_vm_run() {
	cp "$here/vm-run.c" "$root/tmp/"
	inside gcc -std=c11 -Wall -Wextra -Werror -O2 -static -o /usr/local/bin/vm-run /tmp/vm-run.c
	rm "$root/tmp/vm-run.c"
}

# Removing zfs-dkms removes its module too, hence the copy. What the compiler needs was installed for its sake only.
drop_toolchain() {
	inside env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --autoremove purge \
		zfs-dkms dkms 'linux-headers-*' gcc libc6-dev >/dev/null
	rm -rf "$root/var/lib/dkms" "$root/usr/src" "$root/var/lib/apt/lists" "$root/var/cache" "$root/boot/System.map-"*
	mkdir -p "$root/var/cache/apt/archives/partial" "$root/var/lib/apt/lists/partial" "$root/usr/src"
}

# Hardware that no virtual machine has is most of the modules. The rest is stored uncompressed: to decompress takes the
# emulated processor longer than to read.
trim_modules() {
	rm -rf "$modules/kernel/sound"
	for drivers in gpu media net/wireless net/ethernet infiniband iio staging usb scsi hwmon mtd input isdn bluetooth \
		platform iommu edac comedi mmc power leds pinctrl regulator video ata nfc thermal accel; do
		rm -rf "$modules/kernel/drivers/$drivers"
	done
	rm -rf "$modules/updates"
	mv "$root/zfs-modules" "$modules/updates"
	inside find "/lib/modules/$kernel" -name '*.ko.xz' -exec xz --decompress {} +
	inside depmod "$kernel"
}

install_files() {
	cp -R "$here/files/." "$root/"
	chmod 0600 "$root/etc/ssh/sshd_config.d/vm.conf"
	: >"$root/etc/fstab"
	: >"$root/etc/resolv.conf"
	printf 'vm\n' >"$root/etc/hostname"
	printf '127.0.0.1 localhost vm\n' >"$root/etc/hosts"
	# Without one, systemd takes every boot for the first and enables units by their presets.
	inside systemd-machine-id-setup >/dev/null
	mkdir -p "$root/work" "$root/root/.ssh"
	inside passwd --quiet --delete root
	rm -f "$root"/etc/ssh/ssh_host_*
	inside ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
	inside ssh-keygen -q -t ed25519 -N '' -C vm -f /tmp/client_key
	cp "$root/tmp/client_key.pub" "$root/root/.ssh/authorized_keys"
	chmod 0700 "$root/root/.ssh"
}

# What systemd would do at the first boot after a change of /usr was done by the packages already.
skip_update_services() {
	for directory in etc var; do
		touch -r "$root/usr" "$root/$directory/.updated"
	done
}

# Masked: what nobody calls for. Disabled: what a test may start.
choose_units() {
	inside systemctl --quiet mask getty@tty1.service serial-getty@ttyS0.service getty.target \
		apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
		man-db.timer systemd-tmpfiles-clean.timer systemd-random-seed.service \
		systemd-networkd-wait-online.service systemd-timesyncd.service \
		zfs-import-cache.service zfs-import-scan.service zfs-share.service zfs-volume-wait.service zfs-zed.service
	inside systemctl --quiet disable containerd.service docker.service docker.socket lxc.service lxc-net.service \
		lxc-monitord.service 2>/dev/null || true
	inside systemctl --quiet enable ssh.service vm-ready.service
	inside systemctl --quiet set-default multi-user.target
}

# Debian's initramfs looks for every kind of root; this one knows its own. Only what the kernel needs to reach the disk.
build_initramfs() {
	initramfs=$root/tmp/initramfs
	mkdir -p "$initramfs/bin" "$initramfs/modules"
	cp "$root/bin/busybox" "$initramfs/bin/busybox"
	cp "$here/initramfs-init" "$initramfs/init"
	chmod 0755 "$initramfs/init"
	for name in virtio_pci virtio_blk ext4 virtio_net virtio_rng; do
		inside modprobe --set-version "$kernel" --show-depends "$name"
	done | sed -n 's/^insmod //p' | awk '!seen[$1]++ { print $1 }' >"$initramfs/list"
	while read -r module; do
		cp "$root$module" "$initramfs/modules/"
		basename "$module"
	done <"$initramfs/list" >"$initramfs/modules/order"
	rm "$initramfs/list"
	inside sh -c 'cd /tmp/initramfs && find . | cpio --quiet -o -H newc >/tmp/initrd'
	rm -rf "$initramfs"
}

# What QEMU and ssh need, beside the root.
hand_out() {
	mkdir -p "$root/out"
	cp "$root/boot/vmlinuz-$kernel" "$root/out/kernel"
	mv "$root/tmp/initrd" "$root/out/initrd"
	mv "$root/tmp/client_key" "$root/out/client_key"
	rm "$root/tmp/client_key.pub"
	printf 'vm %s\n' "$(cut -d' ' -f1,2 "$root/etc/ssh/ssh_host_ed25519_key.pub")" >"$root/out/known_hosts"
	rm -rf "$root/boot"
	mkdir "$root/boot"
}

step 'removing what built the ZFS module'
keep_zfs_modules
compile_vm_run
drop_toolchain
step 'setting up the machine'
trim_modules
install_files
choose_units
skip_update_services
build_initramfs
hand_out
