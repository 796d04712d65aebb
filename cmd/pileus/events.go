package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// eventsFile takes the events of a run. It gets its name when the run has ended, so that a
// run that fails leaves neither half a file nor the loss of an older one. What is no
// regular file (a pipe, a device) is written directly. A nil file takes nothing.
type eventsFile struct {
	buffer  *bufio.Writer
	file    *os.File
	name    string
	rename  bool // it does not have its name yet
	settled bool
}

func createEvents(name string) (*eventsFile, error) {
	if name == "" {
		return nil, nil
	}
	var file *os.File
	var err error
	rename := false
	if info, statErr := os.Stat(name); statErr == nil && !info.Mode().IsRegular() {
		file, err = os.OpenFile(name, os.O_WRONLY, 0)
	} else {
		rename = true
		file, err = os.OpenFile(temporary(name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	}
	if err != nil {
		return nil, fmt.Errorf("write events: %w", cause(name, err))
	}
	return &eventsFile{buffer: bufio.NewWriterSize(file, 1<<16), file: file, name: name, rename: rename}, nil
}

// Write implements [io.Writer].
func (e *eventsFile) Write(b []byte) (int, error) {
	n, err := e.buffer.Write(b)
	if err != nil {
		err = cause(e.name, err)
	}
	return n, err
}

// temporary is the name of a file while it is written: in the same folder, so that it can be renamed.
func temporary(name string) string {
	return filepath.Join(filepath.Dir(name), fmt.Sprintf(".%s.%d", filepath.Base(name), os.Getpid()))
}

// keep ends the file and gives it its name.
func (e *eventsFile) keep() error {
	if e == nil {
		return nil
	}
	err := e.buffer.Flush()
	if e := e.file.Close(); err == nil {
		err = e
	}
	if err == nil && e.rename {
		err = os.Rename(e.file.Name(), e.name)
	}
	if err != nil {
		return fmt.Errorf("write events: %w", cause(e.name, err))
	}
	e.settled = true
	return nil
}

// discard leaves nothing behind of a file that was not kept.
func (e *eventsFile) discard() {
	if e == nil || e.settled {
		return
	}
	e.file.Close()
	if e.rename {
		os.Remove(e.file.Name())
	}
}

// cause names the file that was asked for, and what is wrong with it.
func cause(name string, err error) error {
	var path *os.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return fmt.Errorf("%s: %w", name, err)
}
