package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/containerd/containerd/cio"
	"github.com/containerd/containerd/errdefs"
)

// How much of an output is told; all of it is counted.
const keptBytes = 4096

// stream is a process's streams: FIFOs, and their reader, which can be stalled and can vanish. It outlives containerd
// and every object of its client's.
type stream struct {
	config cio.Config
	mutex  sync.Mutex
	change *sync.Cond
	file   *os.File
	// What the reader is to do.
	stalled, gone, dropped bool
	readers                int
	ended                  bool
	kept                   bytes.Buffer
	total                  int
}

type streamTable struct {
	mutex   sync.Mutex
	streams map[string]*stream
}

func key(container, exec string) string { return container + "/" + exec }

// open makes a process's streams; again, of a call that is repeated, they are as they were.
func (table *streamTable) open(dir string, r request) (cio.IO, error) {
	table.mutex.Lock()
	defer table.mutex.Unlock()
	if found, there := table.streams[key(r.Container, r.Exec)]; there {
		return found, nil
	}
	at := func(name string) string { return filepath.Join(dir, r.Container+"."+r.Exec+"."+name) }
	s := &stream{config: cio.Config{Terminal: r.Terminal, Stdout: at("out")}}
	s.change = sync.NewCond(&s.mutex)
	fifos := []string{s.config.Stdout}
	if r.Stdin {
		s.config.Stdin = at("in")
		fifos = append(fifos, s.config.Stdin)
	}
	for _, fifo := range fifos {
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			return nil, &os.PathError{Op: "mkfifo", Path: fifo, Err: err}
		}
	}
	s.readers = 1
	go s.read(os.O_RDONLY) // waits for a writer
	table.streams[key(r.Container, r.Exec)] = s
	return s, nil
}

func (table *streamTable) find(container, exec string) (*stream, error) {
	table.mutex.Lock()
	defer table.mutex.Unlock()
	if found, there := table.streams[key(container, exec)]; there {
		return found, nil
	}
	return nil, errdefs.ErrNotFound
}

// attach is find for containerd's client, which has nothing to do with streams; others' containers have none here.
func (table *streamTable) attach(container, exec string) (cio.IO, error) {
	if found, err := table.find(container, exec); err == nil {
		return found, nil
	}
	return &stream{}, nil
}

// drop removes the streams of a container and of its execs.
func (table *streamTable) drop(container string) {
	table.mutex.Lock()
	defer table.mutex.Unlock()
	for name, s := range table.streams {
		if strings.HasPrefix(name, container+"/") {
			s.drop()
			delete(table.streams, name)
		}
	}
}

// What containerd's client may do with streams: nothing but know their names.
func (s *stream) Config() cio.Config { return s.config }
func (s *stream) Cancel()            {}
func (s *stream) Wait()              {}
func (s *stream) Close() error       { return nil }

// read runs until nobody writes any more, or the reader vanishes.
func (s *stream) read(how int) {
	file, err := os.OpenFile(s.config.Stdout, how, 0)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	defer func() {
		s.readers--
		s.change.Broadcast()
	}()
	if err != nil {
		return
	}
	defer file.Close()
	s.file = file
	buffer := make([]byte, 16384)
	for {
		for s.stalled && !s.gone && !s.dropped {
			s.change.Wait()
		}
		if s.gone || s.dropped {
			return
		}
		s.mutex.Unlock()
		n, err := file.Read(buffer)
		s.mutex.Lock()
		s.take(buffer[:n])
		if err != nil {
			s.ended = !s.gone && !errors.Is(err, os.ErrClosed)
			return
		}
	}
}

func (s *stream) take(data []byte) {
	s.total += len(data)
	if room := keptBytes - s.kept.Len(); room > 0 {
		if len(data) > room {
			data = data[:room]
		}
		s.kept.Write(data)
	}
	s.change.Broadcast()
}

func (s *stream) set(change func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	change()
	s.change.Broadcast()
}

func (s *stream) stall()   { s.set(func() { s.stalled = true }) }
func (s *stream) proceed() { s.set(func() { s.stalled = false }) }

func (s *stream) vanish() {
	s.set(func() {
		s.gone = true
		if s.file != nil {
			s.file.Close()
		}
	})
}

// reopen lets another reader take the place of one that vanished.
func (s *stream) reopen() {
	s.set(func() {
		for s.readers > 0 && s.file != nil {
			s.change.Wait()
		}
		if !s.gone || s.dropped {
			return
		}
		s.gone, s.file = false, nil
		if s.readers == 0 {
			s.readers++
			go s.read(os.O_RDONLY | syscall.O_NONBLOCK) // where nobody writes any more, that is the end
		}
	})
}

func (s *stream) drop() {
	s.set(func() {
		s.dropped = true
		if s.file != nil {
			s.file.Close()
		}
	})
	for _, fifo := range []string{s.config.Stdout, s.config.Stdin} {
		if fifo == "" {
			continue
		}
		// Ends an open that waits for the other side.
		if file, err := os.OpenFile(fifo, os.O_RDWR|syscall.O_NONBLOCK, 0); err == nil {
			file.Close()
		}
		os.Remove(fifo)
	}
}

// write takes no longer than a FIFO has room, whether somebody reads it or not.
func (s *stream) write(text string) error {
	file, err := os.OpenFile(s.config.Stdin, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(text)
	return err
}

// until waits for the end of the output or, if there is a text, until that has come.
func (s *stream) until(ctx context.Context, text string) error {
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-ctx.Done():
			s.set(func() {})
		case <-stop:
		}
	}()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for !s.ended && (text == "" || !strings.Contains(s.kept.String(), text)) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.change.Wait()
	}
	return nil
}

func onStream(do func(*stream)) operation {
	return func(_ context.Context, p *program, r request, _ *answer) error {
		s, err := p.streams.find(r.Container, r.Exec)
		if err == nil {
			do(s)
		}
		return err
	}
}

func output(ctx context.Context, p *program, r request, result *answer) error {
	s, err := p.streams.find(r.Container, r.Exec)
	if err != nil {
		return err
	}
	err = s.until(ctx, r.Text)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	result.Text, result.Bytes = s.kept.String(), s.total
	return err
}
