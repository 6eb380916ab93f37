package extra

import (
	"math/rand/v2"
	"os"
	"strconv"

	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/continuity/fs/fstest"
	"golang.org/x/sys/unix"
)

const usageBytes = 8 << 20

// usageSlack is how many bytes usageBytes of data may take beside themselves: blocks of directories, indirect blocks and
// what the filesystem rounds up. LAYERFS_USAGE_SLACK says otherwise.
func (b *bed) usageSlack() int64 {
	text := os.Getenv("LAYERFS_USAGE_SLACK")
	if text == "" {
		return 256 << 10
	}
	slack, err := strconv.ParseInt(text, 10, 64)
	b.must(err)
	return slack
}

// content takes usageBytes, which no compression makes fewer, and 12 inodes, below a directory that must be new.
func content(dir string) (_ fstest.Applier, inodes int64) {
	data := make([]byte, usageBytes)
	// It cannot fail.
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	changes := []fstest.Applier{
		fstest.CreateDir(dir, 0o755),
		fstest.CreateFile(dir+"/large", data, 0o644),
		// Another name is no other inode.
		fstest.Link(dir+"/large", dir+"/link"),
	}
	for i := range 10 {
		changes = append(changes, fstest.CreateFile(dir+"/"+strconv.Itoa(i), nil, 0o644))
	}
	return fstest.Apply(changes...), 12
}

func (b *bed) usage(key string) snapshots.Usage {
	b.Helper()
	usage, err := b.sn.Usage(b.ctx, key)
	b.must(err)
	return usage
}

// wantUsage expects of a snapshot what content takes. It compares with one without changes to the same parent, since
// what that takes is the snapshotter's own affair.
func (b *bed) wantUsage(key, unchanged string, inodes int64) {
	b.Helper()
	got, base := b.usage(key), b.usage(unchanged)
	if got.Inodes-base.Inodes != inodes {
		b.Errorf("%s: %d inodes, without changes %d, expected %d more", key, got.Inodes, base.Inodes, inodes)
	}
	if size := got.Size - base.Size; size < usageBytes || size > usageBytes+b.usageSlack() {
		b.Errorf("%s: %d bytes, without changes %d, expected %d to %d more",
			key, got.Size, base.Size, usageBytes, usageBytes+b.usageSlack())
	}
}

// checkUsageActive has the filesystem write everything first.
func checkUsageActive(b *bed) { b.checkUsageOfActive(syncfs) }

// checkUsageActiveUnsynced asks while data may still be in memory only: what a container wrote counts at once.
func checkUsageActiveUnsynced(b *bed) { b.checkUsageOfActive(func(string) error { return nil }) }

func syncfs(root string) error {
	dir, err := os.Open(root)
	if err != nil {
		return err
	}
	defer dir.Close()
	return unix.Syncfs(int(dir.Fd()))
}

// The second time with a parent that has as much: a snapshot's usage is what it adds to its parent.
func (b *bed) checkUsageOfActive(finish func(root string) error) {
	base, inodes := content("/base")
	added, _ := content("/added")
	b.layer("parent", "", base)
	for _, parent := range []string{"", "parent"} {
		b.unmount(b.prepare("unchanged, of "+parent, parent))
		dir := b.prepare("active, of "+parent, parent)
		b.must(added.Apply(dir))
		b.must(finish(dir))
		b.wantUsage("active, of "+parent, "unchanged, of "+parent, inodes)
	}
}

func checkUsageCommitted(b *bed) {
	base, inodes := content("/base")
	added, _ := content("/added")
	b.layer("unchanged", "")
	b.layer("parent", "", base)
	b.wantUsage("parent", "unchanged", inodes)
	b.layer("unchanged child", "parent")
	b.layer("child", "parent", added)
	b.wantUsage("child", "unchanged child", inodes)
	// A child takes nothing away from its parent, nor does its removal give it anything.
	b.must(b.sn.Remove(b.ctx, "child"))
	b.wantUsage("parent", "unchanged", inodes)
}

func checkUsageView(b *bed) {
	base, _ := content("/base")
	b.layer("parent", "", base)
	b.view("view", "parent")
	if usage := b.usage("view"); usage.Size < 0 || usage.Size > b.usageSlack() || usage.Inodes < 0 {
		b.Errorf("a view takes nothing, but has %+v", usage)
	}
}
