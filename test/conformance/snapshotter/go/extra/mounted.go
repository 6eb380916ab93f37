package extra

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/continuity/fs/fstest"
	"github.com/containerd/errdefs"
	"golang.org/x/sys/unix"
)

// checkMmapWrites proves that pages written through a mapping, and never synced by anybody, are in the layer: a database
// in a container that is committed while it runs.
func checkMmapWrites(b *bed) {
	const size = 1 << 20
	dir := b.prepare("active", "")
	file, err := os.Create(filepath.Join(dir, "mapped"))
	b.must(err)
	defer file.Close()
	b.must(file.Truncate(size))
	// Some pages are clean on disk before they are written once more.
	b.must(file.Sync())
	mapping, err := unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	b.must(err)
	// Else the mount is busy when the test ends.
	defer func() { b.must(unix.Munmap(mapping)) }()
	want := strings.Repeat("mapped!\n", size/8)
	copy(mapping, want)

	b.must(b.sn.Commit(b.ctx, "layer", "active"))
	b.wantContent(filepath.Join(b.view("view", "layer"), "mapped"), want)
	b.wantContent(filepath.Join(b.prepare("child", "layer"), "mapped"), want)
}

// checkCommitMounted commits a snapshot that is mounted and has an open file with unsynced data.
func checkCommitMounted(b *bed) {
	dir := b.prepare("active", "")
	file, err := os.Create(filepath.Join(dir, "open"))
	b.must(err)
	defer file.Close()
	_, err = file.WriteString("written before")
	b.must(err)
	// Nobody may build on what still changes; and to ask harms nothing.
	_, err = b.sn.View(b.ctx, "view of active", "active")
	b.wantError("View of an active snapshot", err, errdefs.ErrInvalidArgument)

	b.must(b.sn.Commit(b.ctx, "layer", "active"))
	b.wantContent(filepath.Join(b.view("view", "layer"), "open"), "written before")

	b.must(file.Close())
	b.unmount(dir)
	b.wantContent(filepath.Join(b.prepare("child", "layer"), "open"), "written before")
}

// checkCommitFreezes writes through a mount and a file that were there before the commit. Where an active snapshot and
// the layer it becomes are one directory, as in overlayfs, that changes the layer.
func checkCommitFreezes(b *bed) {
	dir := b.prepare("active", "")
	file, err := os.Create(filepath.Join(dir, "open"))
	b.must(err)
	defer file.Close()
	_, err = file.WriteString("before")
	b.must(err)
	b.must(b.sn.Commit(b.ctx, "layer", "active"))
	// To be refused is as good.
	_, _ = file.WriteString(" and after")
	_ = os.WriteFile(filepath.Join(dir, "late"), nil, 0o644)
	b.must(file.Close())
	view := b.view("view", "layer")
	b.wantContent(filepath.Join(view, "open"), "before")
	b.wantAbsent(filepath.Join(view, "late"))
}

// checkViewBesideActive has views and children of one parent mounted at the same time, as when an image is scanned or
// exported while its containers run.
func checkViewBesideActive(b *bed) {
	b.layer("parent", "", fstest.CreateFile("/file", []byte("original"), 0o644))
	early := b.view("early view", "parent")
	child := b.prepare("child", "parent")
	b.write(filepath.Join(child, "file"), "changed")
	b.write(filepath.Join(child, "new"), "")
	late := b.view("late view", "parent")
	sibling := b.prepare("sibling", "parent")

	for _, dir := range []string{early, late, sibling} {
		b.wantContent(filepath.Join(dir, "file"), "original")
		b.wantAbsent(filepath.Join(dir, "new"))
	}
	b.wantContent(filepath.Join(child, "file"), "changed")
	for _, dir := range []string{early, late} {
		if err := os.WriteFile(filepath.Join(dir, "written"), nil, 0o644); err == nil {
			b.Error("a view let itself be written")
		}
	}
	b.unmount(early)
	b.must(b.sn.Remove(b.ctx, "early view"))
	b.wantContent(filepath.Join(late, "file"), "original")
	b.write(filepath.Join(child, "file"), "changed again")
}

// checkReadonlyMountOfActive mounts as containerd's differ does for the commit of a running container: what an active
// snapshot's Mounts says, once more and read-only, while it is mounted and written.
func checkReadonlyMountOfActive(b *bed) {
	b.layer("parent", "", fstest.CreateFile("/lower", []byte("lower"), 0o644))
	dir := b.prepare("active", "parent")
	b.write(filepath.Join(dir, "before"), "written")
	mounts, err := b.sn.Mounts(b.ctx, "active")
	b.must(err)
	b.must(mount.WithReadonlyTempMount(b.ctx, mounts, func(root string) error {
		b.wantContent(filepath.Join(root, "before"), "written")
		b.wantContent(filepath.Join(root, "lower"), "lower")
		if os.WriteFile(filepath.Join(root, "refused"), nil, 0o644) == nil {
			return fmt.Errorf("the read-only mount let itself be written")
		}
		return os.WriteFile(filepath.Join(dir, "meanwhile"), nil, 0o644)
	}))
	// Neither that mount nor its end made the container's read-only.
	b.write(filepath.Join(dir, "after"), "written")
}

// checkRemount unmounts and mounts again, by what Prepare and View answered and by what Mounts does.
func checkRemount(b *bed) {
	b.layer("parent", "", fstest.CreateFile("/lower", []byte("lower"), 0o644))
	prepared, err := b.sn.Prepare(b.ctx, "active", "parent")
	b.must(err)
	dir := b.mount(prepared)
	b.write(filepath.Join(dir, "upper"), "upper")
	b.must(os.Remove(filepath.Join(dir, "lower")))
	b.unmount(dir)
	viewed, err := b.sn.View(b.ctx, "view", "parent")
	b.must(err)
	b.unmount(b.mount(viewed))

	for range 3 {
		actives, err := b.sn.Mounts(b.ctx, "active")
		b.must(err)
		views, err := b.sn.Mounts(b.ctx, "view")
		b.must(err)
		for _, mounts := range [][]mount.Mount{prepared, actives} {
			dir := b.mount(mounts)
			b.wantContent(filepath.Join(dir, "upper"), "upper")
			b.wantAbsent(filepath.Join(dir, "lower"))
			b.write(filepath.Join(dir, "upper"), "upper")
			b.unmount(dir)
		}
		for _, mounts := range [][]mount.Mount{viewed, views} {
			dir := b.mount(mounts)
			b.wantContent(filepath.Join(dir, "lower"), "lower")
			if os.WriteFile(filepath.Join(dir, "written"), nil, 0o644) == nil {
				b.Error("a view let itself be written")
			}
			b.unmount(dir)
		}
	}
}

// checkDeepLayers goes beyond the 128 layers of containerd's suite and of Docker's limit.
func checkDeepLayers(b *bed) {
	const depth = 200
	parent := ""
	for i := range depth {
		name := fmt.Sprintf("layer %d", i)
		b.layer(name, parent,
			fstest.CreateFile(fmt.Sprintf("/file-%d", i), []byte(name), 0o644),
			fstest.CreateFile("/last", []byte(name), 0o644))
		parent = name
	}
	for _, dir := range []string{b.view("view", parent), b.prepare("active", parent)} {
		for i := range depth {
			b.wantContent(filepath.Join(dir, fmt.Sprintf("file-%d", i)), fmt.Sprintf("layer %d", i))
		}
		b.wantContent(filepath.Join(dir, "last"), parent)
	}
	b.wantContent(filepath.Join(b.view("half", "layer 99"), "last"), "layer 99")
}
