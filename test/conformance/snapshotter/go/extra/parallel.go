package extra

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/continuity/fs/fstest"
	"github.com/containerd/errdefs"
	"github.com/moby/sys/mountinfo"
)

const parallel = 32

// together calls f with every number below parallel, all at the same time.
func together(f func(i int) error) error {
	var group sync.WaitGroup
	errs := make([]error, parallel)
	for i := range errs {
		group.Go(func() { errs[i] = f(i) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// checkParallelChildren makes, commits, reads and removes many children of one parent, each step of all at once.
func checkParallelChildren(b *bed) {
	b.layer("parent", "", fstest.CreateFile("/shared", []byte("shared"), 0o644))
	b.must(together(func(i int) error {
		return b.tryLayer(fmt.Sprintf("layer %d", i), "parent",
			fstest.CreateFile("/own", []byte(fmt.Sprintf("own %d", i)), 0o644),
			fstest.CreateFile("/shared", []byte(fmt.Sprintf("shared %d", i)), 0o644))
	}))
	b.must(together(func(i int) error {
		mounts, err := b.sn.View(b.ctx, fmt.Sprintf("view %d", i), fmt.Sprintf("layer %d", i))
		if err != nil {
			return err
		}
		dir, err := b.tryMount(mounts)
		if err != nil {
			return err
		}
		return errors.Join(
			fstest.CheckDirectoryEqualWithApplier(dir, fstest.Apply(
				fstest.CreateFile("/shared", []byte("shared"), 0o644),
				fstest.CreateFile("/own", []byte(fmt.Sprintf("own %d", i)), 0o644),
				fstest.CreateFile("/shared", []byte(fmt.Sprintf("shared %d", i)), 0o644))),
			mount.UnmountAll(dir, 0))
	}))
	b.wantError("Remove of a parent", b.sn.Remove(b.ctx, "parent"), errdefs.ErrFailedPrecondition)
	b.must(together(func(i int) error { return b.sn.Remove(b.ctx, fmt.Sprintf("view %d", i)) }))
	b.must(together(func(i int) error { return b.sn.Remove(b.ctx, fmt.Sprintf("layer %d", i)) }))
	b.wantContent(filepath.Join(b.view("view", "parent"), "shared"), "shared")
	b.must(b.sn.Remove(b.ctx, "view"))
	b.must(b.sn.Remove(b.ctx, "parent"))
	b.wantNames(nil)
}

// checkParallelUpdates sets a label each by mask; none may lose another's.
func checkParallelUpdates(b *bed) {
	_, err := b.sn.Prepare(b.ctx, "active", "")
	b.must(err)
	label := func(i int) string { return fmt.Sprintf("label-%d", i) }
	b.must(together(func(i int) error {
		info := snapshots.Info{Name: "active", Labels: map[string]string{label(i): "set"}}
		_, err := b.sn.Update(b.ctx, info, "labels."+label(i))
		return err
	}))
	info, err := b.sn.Stat(b.ctx, "active")
	b.must(err)
	for i := range parallel {
		if info.Labels[label(i)] != "set" {
			b.Errorf("%s is lost", label(i))
		}
	}
}

// checkParallelSameKey lets many race for a key, then for a name: one wins, the others are told that it is taken. So do
// unpacks of images that share layers.
func checkParallelSameKey(b *bed) {
	race := func(what string, f func(i int) error) {
		b.Helper()
		var won atomic.Int32
		b.must(together(func(i int) error {
			err := f(i)
			if err == nil {
				won.Add(1)
			}
			if errdefs.IsAlreadyExists(err) {
				return nil
			}
			return err
		}))
		if won.Load() != 1 {
			b.Errorf("%d calls of %s succeeded, expected 1", won.Load(), what)
		}
	}
	race("Prepare", func(int) error {
		_, err := b.sn.Prepare(b.ctx, "key", "")
		return err
	})
	b.must(together(func(i int) error {
		_, err := b.sn.Prepare(b.ctx, fmt.Sprintf("active %d", i), "")
		return err
	}))
	race("Commit", func(i int) error { return b.sn.Commit(b.ctx, "name", fmt.Sprintf("active %d", i)) })
	// Who lost the race for the name has its snapshot still.
	left := b.names("kind==active")
	if len(left) != parallel {
		b.Errorf("%d active snapshots are left, expected %d", len(left), parallel)
	}
}

// checkRemoveMounted removes a snapshot that is mounted and being written. It may be refused as FailedPrecondition, the
// one error that does not end a pass of containerd's garbage collection; and it may not hurt anybody else.
func checkRemoveMounted(b *bed) {
	b.layer("parent", "", fstest.CreateFile("/shared", []byte("shared"), 0o644))
	sibling := b.prepare("sibling", "parent")
	dir := b.prepare("active", "parent")

	var stop atomic.Bool
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			for n := 0; !stop.Load(); n = (n + 1) % 1000 {
				// Errors are what a writer to something removed must expect.
				_ = os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d-%d", i, n)), []byte(strings.Repeat("x", 4096)), 0o644)
			}
		})
	}
	err := b.sn.Remove(b.ctx, "active")
	if err != nil && !errdefs.IsFailedPrecondition(err) {
		b.Errorf("Remove of a mounted snapshot: %v, expected success or FailedPrecondition", err)
	}
	stop.Store(true)
	writers.Wait()
	b.unmount(dir)
	if err != nil {
		b.must(b.sn.Remove(b.ctx, "active"))
	}
	if _, err := b.sn.Stat(b.ctx, "active"); !errdefs.IsNotFound(err) {
		b.Errorf("Stat of what is removed: %v, expected NotFound", err)
	}

	fresh := b.prepare("active", "parent")
	b.wantAbsent(filepath.Join(fresh, "0-0"))
	for _, dir := range []string{sibling, fresh} {
		b.wantContent(filepath.Join(dir, "shared"), "shared")
		b.write(filepath.Join(dir, "new"), "")
	}
	b.must(b.cleanup())
	b.wantContent(filepath.Join(sibling, "shared"), "shared")
}

// checkParallelMounts asks for one snapshot in many ways at once, when nothing of it is mounted: as after a reboot.
func checkParallelMounts(b *bed) {
	b.layer("parent", "", fstest.CreateFile("/lower", []byte("lower"), 0o644))
	mounts, err := b.sn.Prepare(b.ctx, "active", "parent")
	b.must(err)
	source := mounts[0].Source
	// The snapshotter's own, if it has one.
	b.must(mount.UnmountAll(source, 0))
	b.must(together(func(i int) error {
		if i%2 == 0 {
			_, err := b.sn.Usage(b.ctx, "active")
			return err
		}
		_, err := b.sn.Mounts(b.ctx, "active")
		return err
	}))
	b.wantContent(filepath.Join(b.mount(mounts), "lower"), "lower")
	infos, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) { return m.Mountpoint != source, false })
	b.must(err)
	if len(infos) > 1 {
		b.Errorf("%s is mounted %d times", source, len(infos))
	}
}
