package subject

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"github.com/containerd/log"
	"google.golang.org/grpc"
)

const stopTimeout = 10 * time.Second

// startDaemon starts the command of LAYERFS_DAEMON and waits until it serves.
func startDaemon(ctx context.Context, p place, s settings) (*grpc.ClientConn, func() error, error) {
	command := p.command(s.daemon)
	output := &lineLogger{log: log.G(ctx)}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = output, output
	// A run that ends in a panic, as at its -test.timeout, leaves no daemon.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	// A child of the daemon that outlives it must not hold the test by the pipe of its output.
	cmd.WaitDelay = time.Second
	if err := onStarter(cmd.Start); err != nil {
		return nil, nil, err
	}

	ended, end := context.WithCancelCause(ctx)
	go func() { end(fmt.Errorf("the daemon ended: %w", exitError(cmd.Wait()))) }()
	stop := func() error {
		// Before the signal already: it ended by itself.
		if ended.Err() != nil {
			return context.Cause(ended)
		}
		return terminate(cmd, ended)
	}

	conn, err := dial(ended, p.socket)
	if err != nil {
		_ = stop()
		return nil, nil, err
	}
	return conn, func() error {
		conn.Close()
		return stop()
	}, nil
}

var errExitedWell = errors.New("exit status 0")

func exitError(err error) error {
	if err == nil {
		return errExitedWell
	}
	return err
}

// terminate ends the daemon as a service manager does; it must end by itself and well.
func terminate(cmd *exec.Cmd, ended context.Context) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-ended.Done():
	case <-time.After(stopTimeout):
		_ = cmd.Process.Kill()
		<-ended.Done()
		return fmt.Errorf("the daemon did not end within %v of SIGTERM", stopTimeout)
	}
	if err := context.Cause(ended); !errors.Is(err, errExitedWell) {
		return err
	}
	return nil
}

// lineLogger passes a daemon's output on to the test's log, line by line.
type lineLogger struct {
	log  *log.Entry
	rest []byte
}

func (l *lineLogger) Write(data []byte) (int, error) {
	lines := bytes.Split(append(l.rest, data...), []byte("\n"))
	for _, line := range lines[:len(lines)-1] {
		l.log.Infof("daemon: %s", line)
	}
	l.rest = bytes.Clone(lines[len(lines)-1])
	return len(data), nil
}
