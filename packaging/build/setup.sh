#!/bin/sh
# Makes a fresh Debian 12 or 13 ready to build and test: Debian packages, npm packages, dist/.
# Does only what is missing, so running it again costs a moment and changes nothing.
set -eu

cd "$(dirname "$0")/../.."

# Alternatives are written a|b: the first that this Debian has (13 renamed some).
PACKAGES='busybox-static clang-format containerd containernetworking-plugins gcc iproute2 iptables libc6-dev libseccomp-dev lxc lxc-dev|liblxc-dev make musl-tools procps runc tmux
	util-linux'
# What builds and runs the VM of test/vm.
PACKAGES="$PACKAGES debian-archive-keyring e2fsprogs mmdebstrap openssh-client qemu-system-x86 qemu-utils tar"
NODE_MINIMUM='20.19.0'

say() {
	printf 'setup: %s\n' "$1"
}

# What failed, and what to do next.
give_up() {
	printf 'setup: %s\n       %s\n' "$1" "$2" >&2
	exit 1
}

check_host() {
	[ "$(id -u)" -eq 0 ] || give_up 'this needs root: it starts containers.' 'Run it again as root, for example with sudo.'
	command -v apt-get >/dev/null ||
		give_up 'this is no Debian: there is no apt-get.' "Install these by hand and run npm ci && npm run build: $PACKAGES"
	command -v npm >/dev/null ||
		give_up 'npm is not installed.' "Install Node $NODE_MINIMUM or later with npm: apt-get install nodejs npm"
	node -e '
		const [wanted, found] = [process.argv[1], process.versions.node].map((version) => version.split(".").map(Number));
		process.exit(found[0] > wanted[0] || (found[0] === wanted[0] && found[1] >= wanted[1]) ? 0 : 1);
	' "$NODE_MINIMUM" ||
		give_up "Node $(node -v) is too old." "Install Node $NODE_MINIMUM or later (Debian 13 has it)."
}

installed() {
	case "$INSTALLED" in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

# The packages that are missing; of alternatives the first that can be installed.
missing_packages() {
	INSTALLED=" $(dpkg-query -W -f '${Package} ${db:Status-Status}\n' | sed -n 's/ installed$//p' | tr '\n' ' ') "
	for wanted in $PACKAGES; do
		found=''
		for name in $(printf '%s' "$wanted" | tr '|' ' '); do
			if installed "$name"; then found=$name; fi
		done
		[ -z "$found" ] || continue
		for name in $(printf '%s' "$wanted" | tr '|' ' '); do
			if [ -z "$found" ] && available "$name"; then found=$name; fi
		done
		printf '%s ' "${found:-${wanted%%|*}}"
	done
}

available() {
	apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'
}

install_packages() {
	missing=$(missing_packages)
	[ -n "$missing" ] || return 0
	for name in $missing; do
		if ! available "$name"; then
			say 'fetching the lists of Debian packages (apt-get update)'
			apt-get -qq update || give_up 'apt-get update failed.' 'Check the network and /etc/apt/sources.list, then run this again.'
			missing=$(missing_packages)
			break
		fi
	done
	say "installing Debian packages: $missing"
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $missing >/dev/null ||
		give_up 'apt-get install failed.' "Run it by hand to see why: apt-get install $missing"
}

# npm writes its own copy of the lock file last, so it is there only if all went well.
install_node_modules() {
	done_file=node_modules/.package-lock.json
	[ ! -e "$done_file" ] || [ -n "$(find package-lock.json -newer "$done_file")" ] || return 0
	say 'installing npm packages (npm ci)'
	npm ci --no-audit --no-fund --loglevel=error >/dev/null ||
		give_up 'npm ci failed.' 'Check the network and `npm config get registry`, then run npm ci by hand.'
}

build() {
	node packaging/build/build.mjs || give_up 'the build failed.' 'The messages above say where; npm run build repeats it.'
}

check_host
# A Go that is there already may be newer than Debian's.
[ -x /usr/local/go/bin/go ] || command -v go >/dev/null || PACKAGES="$PACKAGES golang-go"
install_packages
install_node_modules
build
