package extra

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/continuity/fs/fstest"
)

// bed is what a test has: a snapshotter without snapshots, and a directory for mount points.
type bed struct {
	*testing.T
	ctx  context.Context
	sn   snapshots.Snapshotter
	work string
}

// must fails the test at once; for goroutines of a test, there are the functions that return an error.
func (b *bed) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatalf("%+v", err)
	}
}

func (b *bed) mount(mounts []mount.Mount) string {
	b.Helper()
	dir, err := b.tryMount(mounts)
	b.must(err)
	return dir
}

// tryMount mounts at a new directory. What is mounted when the test ends is unmounted then.
func (b *bed) tryMount(mounts []mount.Mount) (string, error) {
	dir, err := os.MkdirTemp(b.work, "mount-")
	if err != nil {
		return "", err
	}
	return dir, mount.All(mounts, dir)
}

func (b *bed) unmount(dir string) {
	b.Helper()
	b.must(mount.UnmountAll(dir, 0))
}

// prepare returns where the new active snapshot is mounted.
func (b *bed) prepare(key, parent string) string {
	b.Helper()
	mounts, err := b.sn.Prepare(b.ctx, key, parent)
	b.must(err)
	return b.mount(mounts)
}

// view returns where the new view is mounted.
func (b *bed) view(key, parent string) string {
	b.Helper()
	mounts, err := b.sn.View(b.ctx, key, parent)
	b.must(err)
	return b.mount(mounts)
}

// layer makes a committed snapshot with changes, the way containerd unpacks a layer.
func (b *bed) layer(name, parent string, changes ...fstest.Applier) {
	b.Helper()
	b.must(b.tryLayer(name, parent, changes...))
}

func (b *bed) tryLayer(name, parent string, changes ...fstest.Applier) error {
	key := name + " active"
	mounts, err := b.sn.Prepare(b.ctx, key, parent)
	if err != nil {
		return err
	}
	if len(changes) > 0 {
		dir, err := b.tryMount(mounts)
		if err != nil {
			return err
		}
		if err := fstest.Apply(changes...).Apply(dir); err != nil {
			return err
		}
		if err := mount.UnmountAll(dir, 0); err != nil {
			return err
		}
	}
	return b.sn.Commit(b.ctx, name, key)
}

// change is a fstest.Applier of a function.
type change func(root string) error

func (c change) Apply(root string) error { return c(root) }

func (b *bed) wantContent(file, want string) {
	b.Helper()
	content, err := os.ReadFile(file)
	b.must(err)
	if string(content) != want {
		b.Errorf("%s holds %.80q (%d bytes), expected %.80q", filepath.Base(file), content, len(content), want)
	}
}

func (b *bed) wantAbsent(file string) {
	b.Helper()
	if _, err := os.Lstat(file); !os.IsNotExist(err) {
		b.Errorf("%s should not be there: %v", filepath.Base(file), err)
	}
}

func (b *bed) write(file, content string) {
	b.Helper()
	b.must(os.WriteFile(file, []byte(content), 0o644))
}
