package extra

import (
	"errors"

	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/continuity/fs/fstest"
	"github.com/containerd/errdefs"
)

// wantError expects a class of error: the code of the gRPC status, as containerd's client reads it.
func (b *bed) wantError(what string, err, class error) {
	b.Helper()
	if !errors.Is(err, class) {
		b.Errorf("%s: %v, expected %v", what, err, class)
	}
}

// kinds makes a snapshot of each kind: "committed", and its children "active" and "view".
func (b *bed) kinds() {
	b.Helper()
	b.layer("committed", "", fstest.CreateFile("/file", nil, 0o644))
	_, err := b.sn.Prepare(b.ctx, "active", "committed")
	b.must(err)
	_, err = b.sn.View(b.ctx, "view", "committed")
	b.must(err)
}

// wantKinds proves that what was refused has changed nothing.
func (b *bed) wantKinds() {
	b.Helper()
	b.wantNames([]string{"committed", "active", "view"})
	b.wantNames([]string{"active"}, "kind==active,parent==committed")
}

func checkAlreadyExists(b *bed) {
	b.kinds()
	for _, taken := range []string{"committed", "active", "view"} {
		_, err := b.sn.Prepare(b.ctx, taken, "committed")
		b.wantError("Prepare of the key "+taken, err, errdefs.ErrAlreadyExists)
		_, err = b.sn.View(b.ctx, taken, "committed")
		b.wantError("View of the key "+taken, err, errdefs.ErrAlreadyExists)
		_, err = b.sn.Prepare(b.ctx, taken, "")
		b.wantError("Prepare without parent of the key "+taken, err, errdefs.ErrAlreadyExists)
		err = b.sn.Commit(b.ctx, taken, "active")
		b.wantError("Commit to the name "+taken, err, errdefs.ErrAlreadyExists)
	}
	b.wantKinds()
}

func checkNotFound(b *bed) {
	b.kinds()
	calls := map[string]func() error{
		"Stat":   func() error { _, err := b.sn.Stat(b.ctx, "missing"); return err },
		"Update": func() error { _, err := b.sn.Update(b.ctx, snapshots.Info{Name: "missing"}, "labels.a"); return err },
		"Usage":  func() error { _, err := b.sn.Usage(b.ctx, "missing"); return err },
		"Mounts": func() error { _, err := b.sn.Mounts(b.ctx, "missing"); return err },
		"Commit": func() error { return b.sn.Commit(b.ctx, "new", "missing") },
		"Remove": func() error { return b.sn.Remove(b.ctx, "missing") },

		"Prepare from a parent": func() error { _, err := b.sn.Prepare(b.ctx, "new", "missing"); return err },
		"View of a parent":      func() error { _, err := b.sn.View(b.ctx, "new", "missing"); return err },
	}
	for what, call := range calls {
		b.wantError(what+" that is missing", call(), errdefs.ErrNotFound)
	}
	b.wantKinds()
}

func checkFailedPrecondition(b *bed) {
	b.kinds()
	b.wantError("Remove of a parent", b.sn.Remove(b.ctx, "committed"), errdefs.ErrFailedPrecondition)
	b.wantError("Commit of a view", b.sn.Commit(b.ctx, "new", "view"), errdefs.ErrFailedPrecondition)
	b.wantError("Commit of a committed", b.sn.Commit(b.ctx, "new", "committed"), errdefs.ErrFailedPrecondition)
	_, err := b.sn.Mounts(b.ctx, "committed")
	b.wantError("Mounts of a committed", err, errdefs.ErrFailedPrecondition)
	b.wantKinds()
}

func checkInvalidArgument(b *bed) {
	b.kinds()
	for _, parent := range []string{"active", "view"} {
		_, err := b.sn.Prepare(b.ctx, "new", parent)
		b.wantError("Prepare from an "+parent, err, errdefs.ErrInvalidArgument)
		_, err = b.sn.View(b.ctx, "new", parent)
		b.wantError("View of an "+parent, err, errdefs.ErrInvalidArgument)
	}
	for _, path := range []string{"name", "parent", "kind", "created_at", "no-such-field", "label"} {
		_, err := b.sn.Update(b.ctx, snapshots.Info{Name: "active", Parent: "other"}, path)
		b.wantError("Update of "+path, err, errdefs.ErrInvalidArgument)
		// All or nothing.
		info := snapshots.Info{Name: "active", Labels: map[string]string{"a": "1"}}
		_, err = b.sn.Update(b.ctx, info, "labels.a", path)
		b.wantError("Update of a label and "+path, err, errdefs.ErrInvalidArgument)
		b.wantLabels(b.stat("active"), nil)
	}
	b.layer("other", "")
	err := b.sn.Commit(b.ctx, "new", "active", snapshots.WithParent("other"))
	b.wantError("Commit with another parent", err, errdefs.ErrInvalidArgument)
	b.must(b.sn.Remove(b.ctx, "other"))
	b.wantKinds()
	// The same parent is none other.
	b.must(b.sn.Commit(b.ctx, "new", "active", snapshots.WithParent("committed")))
}

// cleanup destroys what Remove only marked; a snapshotter without it says so.
func (b *bed) cleanup() error {
	cleaner, ok := b.sn.(snapshots.Cleaner)
	if !ok {
		return nil
	}
	if err := cleaner.Cleanup(b.ctx); err != nil && !errdefs.IsNotImplemented(err) {
		return err
	}
	return nil
}

func checkCleanup(b *bed) {
	b.kinds()
	b.must(b.sn.Remove(b.ctx, "active"))
	b.must(b.cleanup())
	b.must(b.cleanup())
	b.wantNames([]string{"committed", "view"})
	b.unmount(b.prepare("active", "committed"))
	b.wantKinds()
}
