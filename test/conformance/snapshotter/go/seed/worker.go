package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
)

// A worker is a layerfs-worker process; snapshotter/native/worker/words.h tells what it reads and writes.
type worker struct {
	lock    sync.Mutex
	input   io.Writer
	waiting map[string]chan error
	last    int
	// Why it reads no more answers.
	ended error
}

func startWorker(program, lockFile string) (*worker, error) {
	command := exec.Command(program, lockFile)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w := &worker{input: input, waiting: map[string]chan error{}}
	if err := command.Start(); err != nil {
		return nil, err
	}
	go w.read(output)
	return w, nil
}

// ask returns when it is done; others may ask meanwhile.
func (w *worker) ask(words ...string) error {
	answer := make(chan error, 1)
	w.lock.Lock()
	if w.ended != nil {
		defer w.lock.Unlock()
		return w.ended
	}
	w.last++
	number := strconv.Itoa(w.last)
	w.waiting[number] = answer
	var payload bytes.Buffer
	for _, word := range append([]string{number}, words...) {
		payload.WriteString(word)
		payload.WriteByte(0)
	}
	frame := binary.LittleEndian.AppendUint32(nil, uint32(payload.Len()))
	_, err := w.input.Write(append(frame, payload.Bytes()...))
	w.lock.Unlock()
	if err != nil {
		return fmt.Errorf("%v: %w", words, err)
	}
	if err := <-answer; err != nil {
		return fmt.Errorf("%v: %w", words, err)
	}
	return nil
}

func (w *worker) read(output io.Reader) {
	for {
		words, err := readFrame(output)
		w.lock.Lock()
		if err != nil {
			w.ended = fmt.Errorf("the worker ended: %w", err)
			for _, answer := range w.waiting {
				answer <- w.ended
			}
			w.lock.Unlock()
			return
		}
		answer := w.waiting[words[0]]
		delete(w.waiting, words[0])
		w.lock.Unlock()
		if words[1] == "0" {
			answer <- nil
		} else {
			answer <- fmt.Errorf("errno %s: %s", words[1], words[2])
		}
	}
}

// readFrame returns number, errno and text.
func readFrame(output io.Reader) ([]string, error) {
	var length uint32
	if err := binary.Read(output, binary.LittleEndian, &length); err != nil {
		return nil, err
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(output, payload); err != nil {
		return nil, err
	}
	var words []string
	for word := range bytes.SplitSeq(bytes.TrimSuffix(payload, []byte{0}), []byte{0}) {
		words = append(words, string(word))
	}
	if len(words) != 3 {
		return nil, fmt.Errorf("an answer has three words, not %q", words)
	}
	return words, nil
}
