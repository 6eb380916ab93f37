package extra

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/continuity/fs/fstest"
	"golang.org/x/sys/unix"
)

func checkXattrs(b *bed) {
	b.wantSurvival(
		fstest.CreateFile("/file", []byte("content"), 0o644),
		fstest.SetXAttr("/file", "user.text", "some value"),
		fstest.SetXAttr("/file", "user.empty", ""),
		fstest.SetXAttr("/file", "user.binary", "\x00\xff\n\x00"),
		// With all of a file's attributes, no more than one block of ext4, which is where the reference keeps them.
		fstest.SetXAttr("/file", "user.long", strings.Repeat("x", 2000)),
		fstest.SetXAttr("/file", "trusted.text", "for root only"),
		fstest.SetXAttr("/file", "security.layerfs-test", "any"),
		fstest.CreateDir("/dir", 0o755),
		fstest.SetXAttr("/dir", "user.text", "of a directory"),
		fstest.SetXAttr("/dir", "trusted.text", "of a directory"),
		fstest.Symlink("file", "/link"),
		fstest.SetXAttr("/link", "trusted.text", "of a link"),
	)
}

// fileCapability is a vfs_cap_data of version 2 (linux/capability.h): CAP_NET_BIND_SERVICE, permitted and effective.
var fileCapability = "\x01\x00\x00\x02\x00\x04\x00\x00" + strings.Repeat("\x00", 12)

func checkFileCapabilities(b *bed) {
	b.wantSurvival(
		fstest.CreateFile("/server", []byte("#!/bin/true\n"), 0o755),
		fstest.SetXAttr("/server", "security.capability", fileCapability),
	)
}

// posixACL encodes an access control list (linux/posix_acl_xattr.h): its owner, group and others, and one user more.
func posixACL(user uint32) string {
	const undefined = ^uint32(0)
	var data bytes.Buffer
	entries := []struct {
		Tag, Perm uint16
		ID        uint32
	}{{0x01, 7, undefined}, {0x02, 6, user}, {0x04, 5, undefined}, {0x10, 7, undefined}, {0x20, 4, undefined}}
	// A buffer takes whatever it is given.
	_ = binary.Write(&data, binary.LittleEndian, uint32(2))
	_ = binary.Write(&data, binary.LittleEndian, entries)
	return data.String()
}

func checkPosixACL(b *bed) {
	b.wantSurvival(
		fstest.CreateFile("/file", []byte("content"), 0o644),
		fstest.SetXAttr("/file", "system.posix_acl_access", posixACL(1234)),
		fstest.CreateDir("/dir", 0o755),
		fstest.SetXAttr("/dir", "system.posix_acl_default", posixACL(4321)),
		// The directory's list is also in force: its new files have it.
		fstest.CreateFile("/dir/heir", nil, 0o666),
		change(func(root string) error {
			_, err := unix.Lgetxattr(filepath.Join(root, "dir/heir"), "system.posix_acl_access", make([]byte, 100))
			return err
		}),
	)
}

var hardLinks = fstest.Apply(
	fstest.CreateFile("/first", []byte("same"), 0o644),
	fstest.CreateDir("/dir", 0o755),
	fstest.Link("/first", "/second"),
	fstest.Link("/first", "/dir/third"),
	fstest.CreateFile("/copy", []byte("same"), 0o644),
	fstest.Symlink("first", "/symlink"),
	fstest.Link("/symlink", "/dir/symlink"),
)

func checkHardLinks(b *bed) { b.wantSurvival(hardLinks) }

// checkHardLinksChangedInChild writes by one name of a file from the parent and reads by the others. Snapshotters that
// copy single names up, such as overlayfs without its index, cannot do it.
func checkHardLinksChangedInChild(b *bed) {
	b.layer("parent", "", hardLinks)
	b.layer("child", "parent", change(func(root string) error {
		file, err := os.OpenFile(filepath.Join(root, "second"), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = file.WriteString(" and more")
		return err
	}))
	view := b.view("view", "child")
	for _, name := range []string{"first", "second", "dir/third"} {
		b.wantContent(filepath.Join(view, name), "same and more")
	}
	b.wantContent(filepath.Join(view, "copy"), "same")
	b.wantContent(filepath.Join(b.view("view of parent", "parent"), "second"), "same")
}

func checkDeviceNodes(b *bed) {
	b.wantSurvival(
		fstest.CreateDeviceFile("/char", os.ModeDevice|os.ModeCharDevice|0o666, 1, 3),
		fstest.CreateDeviceFile("/block", os.ModeDevice|0o660, 7, 200),
		// A major and a minor that need more than 8 bits each.
		fstest.CreateDeviceFile("/large", os.ModeDevice|os.ModeCharDevice|0o600, 511, 70_000),
		fstest.CreateDeviceFile("/fifo", os.ModeNamedPipe|0o644, 0, 0),
		change(func(root string) error {
			return unix.Mknod(filepath.Join(root, "socket"), unix.S_IFSOCK|0o755, 0)
		}),
		fstest.Chown("/fifo", 12, 34),
	)
}

func checkModesAndOwners(b *bed) {
	b.wantSurvival(
		fstest.CreateFile("/setuid", []byte("program"), 0o755),
		fstest.Chown("/setuid", 1000, 2000),
		// After chown(2), which takes both bits away.
		fstest.Chmod("/setuid", 0o4755),
		change(func(root string) error { return unix.Chmod(filepath.Join(root, "setuid"), 0o6751) }),
		fstest.CreateFile("/no-permissions", nil, 0o000),
		fstest.CreateDir("/sticky", 0o755),
		change(func(root string) error { return unix.Chmod(filepath.Join(root, "sticky"), 0o1777) }),
		fstest.CreateDir("/setgid", 0o755),
		fstest.Chown("/setgid", 0, 50),
		change(func(root string) error { return unix.Chmod(filepath.Join(root, "setgid"), 0o2775) }),
		// A new file of such a directory has its group.
		fstest.CreateFile("/setgid/heir", nil, 0o644),
		fstest.CreateFile("/large-ids", nil, 0o644),
		fstest.Chown("/large-ids", 4_000_000_000, 3_999_999_999),
		fstest.Symlink("nowhere", "/link"),
		change(func(root string) error { return os.Lchown(filepath.Join(root, "link"), 7, 8) }),
	)
}

func checkTimestamps(b *bed) {
	atime := time.Unix(1_000_000_000, 1)
	b.wantSurvival(
		fstest.CreateFile("/recent", nil, 0o644),
		fstest.Chtimes("/recent", atime, time.Unix(1_700_000_000, 123_456_789)),
		fstest.CreateFile("/last-nanosecond", nil, 0o644),
		fstest.Chtimes("/last-nanosecond", atime, time.Unix(1_700_000_000, 999_999_999)),
		fstest.CreateFile("/epoch", nil, 0o644),
		fstest.Chtimes("/epoch", atime, time.Unix(0, 0)),
		fstest.CreateFile("/before-1970", nil, 0o644),
		fstest.Chtimes("/before-1970", atime, time.Unix(-1_000_000, 7)),
		fstest.CreateFile("/after-2038", nil, 0o644),
		fstest.Chtimes("/after-2038", atime, time.Unix(4_102_444_800, 5)),
		fstest.Symlink("nowhere", "/link"),
		fstest.Lchtimes("/link", atime, time.Unix(1_600_000_000, 111_111_111)),
		fstest.CreateDir("/dir", 0o755),
		fstest.CreateFile("/dir/file", nil, 0o644),
		fstest.Chtimes("/dir", atime, time.Unix(1_500_000_000, 222_222_222)),
	)
}

func checkSparseFile(b *bed) {
	const size, data = 1 << 30, "at the end"
	b.layer("layer", "", change(func(root string) error {
		file, err := os.Create(filepath.Join(root, "sparse"))
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = file.WriteAt([]byte(data), size-int64(len(data)))
		return err
	}))
	for what, dir := range map[string]string{"view": b.view("view", "layer"), "child": b.prepare("child", "layer")} {
		file, err := os.Open(filepath.Join(dir, "sparse"))
		b.must(err)
		defer file.Close()
		var stat unix.Stat_t
		b.must(unix.Fstat(int(file.Fd()), &stat))
		if allocated := stat.Blocks * 512; stat.Size != size || allocated > 1<<20 {
			b.Errorf("%s: %d bytes, expected %d; %d of them allocated", what, stat.Size, size, allocated)
		}
		tail := make([]byte, len(data))
		_, err = file.ReadAt(tail, size-int64(len(data)))
		b.must(err)
		if string(tail) != data {
			b.Errorf("%s: ends with %q, expected %q", what, tail, data)
		}
	}
}

// checkFileNames has every byte in them that a name may hold, and the longest.
func checkFileNames(b *bed) {
	var changes []fstest.Applier
	for _, name := range []string{
		"with space", "tab\tnewline\n", `back\slash`, `"quotes'`, "$HOME;*?", "-rf", "...", ".wh.not-a-whiteout",
		"ünïcödé", "e\u0301 and \u00e9", "\U0001f433", "not utf-8 \xff\xfe", "CASE", "case", strings.Repeat("n", 255),
	} {
		changes = append(changes, fstest.CreateFile("/"+name, []byte(name), 0o644))
	}
	b.wantSurvival(changes...)
}

// checkRootDirectory proves that the root directory is a layer's content as any other. Snapshotters that make it anew
// for each child, such as overlayfs, do not keep its mode.
func checkRootDirectory(b *bed) {
	b.layer("parent", "", change(func(root string) error {
		if err := os.Chown(root, 12, 34); err != nil {
			return err
		}
		if err := unix.Lsetxattr(root, "user.text", []byte("of the root"), 0); err != nil {
			return err
		}
		return unix.Chmod(root, 0o1770)
	}))
	for _, dir := range []string{b.view("view", "parent"), b.prepare("child", "parent")} {
		var stat unix.Stat_t
		b.must(unix.Stat(dir, &stat))
		if stat.Mode&0o7777 != 0o1770 || stat.Uid != 12 || stat.Gid != 34 {
			b.Errorf("the root directory is %o of %d:%d, expected 1770 of 12:34", stat.Mode&0o7777, stat.Uid, stat.Gid)
		}
		xattrs, err := describeXattrs(dir)
		b.must(err)
		if !strings.Contains(xattrs, "user.text=") {
			b.Errorf("the root directory lost its attribute, it has %s", xattrs)
		}
	}
}

// checkMountFlags proves that a container may use what a layer holds: devices, set-user-ID programs, programs at all.
func checkMountFlags(b *bed) {
	parent := b.prepare("parent active", "")
	b.must(fstest.CreateDeviceFile("/null", os.ModeDevice|os.ModeCharDevice|0o666, 1, 3).Apply(parent))
	b.must(os.WriteFile(filepath.Join(parent, "null"), []byte("swallowed"), 0))
	b.must(mount.UnmountAll(parent, 0))
	b.must(b.sn.Commit(b.ctx, "parent", "parent active"))

	for _, dir := range []string{b.prepare("child", "parent"), b.view("view", "parent")} {
		var stat unix.Statfs_t
		b.must(unix.Statfs(dir, &stat))
		if flags := stat.Flags & (unix.ST_NODEV | unix.ST_NOSUID | unix.ST_NOEXEC); flags != 0 {
			b.Errorf("mounted with flags %#x", flags)
		}
		b.wantContent(filepath.Join(dir, "null"), "")
	}
}
