package extra

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containerd/continuity/fs/fstest"
	"github.com/containerd/continuity/sysx"
	"golang.org/x/sys/unix"
)

// wantSurvival applies changes to a layer and proves that everything about every file but the root directory is the
// same in a view of it, in a child, and in the view of a child that has changed something else.
func (b *bed) wantSurvival(changes ...fstest.Applier) {
	b.Helper()
	active := b.prepare("active", "")
	b.must(fstest.Apply(changes...).Apply(active))
	want := b.readTree(active)
	b.unmount(active)
	b.must(b.sn.Commit(b.ctx, "layer", "active"))
	b.layer("child", "layer", fstest.CreateFile("/unrelated", nil, 0o644))

	b.wantTree("a view", want, b.readTree(b.view("view", "layer")))
	b.wantTree("a child", want, b.readTree(b.prepare("next", "layer")))
	grandchild := b.readTree(b.view("view of child", "child"))
	delete(grandchild, "unrelated")
	b.wantTree("a view of a child", want, grandchild)
}

func (b *bed) wantTree(what string, want, got map[string]string) {
	b.Helper()
	names := map[string]bool{}
	for _, tree := range []map[string]string{want, got} {
		for name := range tree {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if want[name] != got[name] {
			b.Errorf("%q in %s:\n\tgot      %s\n\texpected %s", name, what, got[name], want[name])
		}
	}
}

// readTree describes every file below root.
func (b *bed) readTree(root string) map[string]string {
	b.Helper()
	tree := map[string]string{}
	// The first path of each inode, by which hard links are told from copies.
	first := map[uint64]string{}
	b.must(filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		tree[name], err = describe(path, name, first)
		return err
	}))
	return tree
}

func describe(path, name string, first map[uint64]string) (string, error) {
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		return "", err
	}
	mtime := time.Unix(stat.Mtim.Unix()).UTC().Format(time.RFC3339Nano)
	xattrs, err := describeXattrs(path)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("mode=%o owner=%d:%d mtime=%s xattrs=%s", stat.Mode, stat.Uid, stat.Gid, mtime, xattrs)
	if stat.Mode&unix.S_IFMT == unix.S_IFDIR {
		// Size and links of a directory are the filesystem's own affair.
		return text, nil
	}
	if _, ok := first[stat.Ino]; !ok {
		first[stat.Ino] = name
	}
	text += fmt.Sprintf(" size=%d links=%d inode-of=%q", stat.Size, stat.Nlink, first[stat.Ino])
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		content, err := os.ReadFile(path)
		return text + fmt.Sprintf(" sha256=%x", sha256.Sum256(content)), err
	case unix.S_IFLNK:
		target, err := os.Readlink(path)
		return text + fmt.Sprintf(" target=%q", target), err
	case unix.S_IFCHR, unix.S_IFBLK:
		return text + fmt.Sprintf(" device=%d:%d", unix.Major(stat.Rdev), unix.Minor(stat.Rdev)), nil
	}
	return text, nil
}

func describeXattrs(path string) (string, error) {
	names, err := sysx.LListxattr(path)
	if err != nil {
		return "", err
	}
	slices.Sort(names)
	var found []string
	for _, name := range names {
		value, err := sysx.LGetxattr(path, name)
		if err != nil {
			return "", err
		}
		found = append(found, fmt.Sprintf("%s=%x", name, value))
	}
	return "[" + strings.Join(found, " ") + "]", nil
}
