// Package subject reaches the snapshotter under test. What the environment says decides where it is:
//
//	LAYERFS_DAEMON   a command that serves a snapshotter; a fresh one is started for each test and ended by SIGTERM
//	LAYERFS_SOCKET   instead of it, the socket of one that runs already; then the tests take turns, and what a test
//	                 leaves is removed after it
//	LAYERFS_BEFORE   a command to run before each test, such as one that creates a dataset
//	LAYERFS_AFTER    a command to run after each test
//	LAYERFS_NAME     the snapshotter's name in requests, "layerfs" unless told
//
// Commands are split at white space. In them, {root} is a directory that exists and is the test's own, {socket} the
// path where the daemon is to listen, and {name} the test's name in letters that a dataset's name may have.
package subject

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/log"
	"google.golang.org/grpc"
)

const hookTimeout = time.Minute

// Open gives a test a snapshotter that holds no snapshots, as a connection, since the clients of both generations of
// containerd are made from one. The directory root, and what is beside it, belongs to the test.
func Open(ctx context.Context, root string) (_ *grpc.ClientConn, _ func() error, err error) {
	s, err := readSettings()
	if err != nil {
		return nil, nil, err
	}
	if os.Geteuid() != 0 {
		return nil, nil, errors.New("mounting needs root")
	}
	dir := filepath.Dir(root)
	p := place{name: uniqueName(log.G(ctx)), root: root, socket: filepath.Join(dir, "snapshotter.sock")}

	var cleanups []func() error
	cleanup := func() error {
		var errs []error
		for i := len(cleanups) - 1; i >= 0; i-- {
			errs = append(errs, cleanups[i]())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, cleanup())
		}
	}()

	if err := runHook(ctx, p.command(s.before)); err != nil {
		return nil, nil, err
	}
	cleanups = append(cleanups, func() error { return runHook(ctx, p.command(s.after)) })
	// A daemon may leave its own mounts for the next one to find; there is none.
	cleanups = append(cleanups, func() error { return mount.UnmountRecursive(dir, 0) })

	open := startDaemon
	if s.socket != "" {
		p.socket = s.socket
		open = takeTurn
	}
	conn, stop, err := open(ctx, p, s)
	if err != nil {
		return nil, nil, err
	}
	cleanups = append(cleanups, stop)
	// What a test has left mounted would keep the snapshotter from ending in order.
	cleanups = append(cleanups, func() error { return mount.UnmountRecursive(dir, 0) })
	return conn, cleanup, nil
}

func runHook(ctx context.Context, command []string) error {
	if len(command) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	if output, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%q: %w: %s", command, err, output)
	}
	return nil
}
