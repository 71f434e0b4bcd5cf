package stage

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Server is a program that may die and come back, in the same folder and on the same ports. What it writes is appended
// to <name>.log in its folder. Its methods may be called from any goroutine, one change at a time.
type Server struct {
	name, dir string
	command   []string
	ready     func(context.Context) error

	mu   sync.Mutex
	life *Process  // the last one; nil before the first
	log  io.Closer // of that life
}

// Name is what the server is called among its like.
func (s *Server) Name() string { return s.name }

// Start runs the program and waits until it serves.
func (s *Server) Start(ctx context.Context) error {
	if err := s.Begin(); err != nil {
		return err
	}
	return s.Ready(ctx)
}

// Begin runs the program and waits for nothing: members of a cluster wait for each other.
func (s *Server) Begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alive() {
		return fmt.Errorf("stage: %s runs already", s.name)
	}
	s.closeLog()
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(s.dir, s.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	s.log = file
	write := func(line string) { _, _ = file.WriteString(line + "\n") } // a log that cannot be written must not stop the program
	s.life, err = Start(write, s.dir, s.command[0], s.command[1:]...)
	return err
}

// Ready waits until the server serves, or has died.
func (s *Server) Ready(ctx context.Context) error { return s.Until(ctx, "ready", s.ready) }

// Until is Process.Until of its present life.
func (s *Server) Until(ctx context.Context, what string, holds func(context.Context) error) error {
	p := s.present()
	if p == nil {
		return fmt.Errorf("stage: %s was never started", s.name)
	}
	return p.Until(ctx, what, holds)
}

// Kill is kill -9. The server is dead when it returns, and may have been before.
func (s *Server) Kill() { s.end((*Process).Kill) }

// Stop asks the server to end, and kills it when it does not.
func (s *Server) Stop() { s.end((*Process).Stop) }

// Pause stops the server as SIGSTOP does: its connections stay open, and nobody answers on them.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets a paused server go on as if nothing had been.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

// Running reports whether the program runs, paused or not.
func (s *Server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alive()
}

// Pid is the process id of its present life; 0 when it was never started.
func (s *Server) Pid() int {
	if p := s.present(); p != nil {
		return p.Pid()
	}
	return 0
}

func (s *Server) present() *Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life
}

func (s *Server) alive() bool {
	if s.life == nil {
		return false
	}
	select {
	case <-s.life.Done():
		return false
	default:
		return true
	}
}

func (s *Server) signal(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alive() { // the id of a dead one may be somebody else's
		s.life.Signal(sig)
	}
}

func (s *Server) end(how func(*Process)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alive() {
		s.life.Signal(syscall.SIGCONT) // one that is paused would not hear that it is asked
		how(s.life)
	}
	s.closeLog()
}

func (s *Server) closeLog() {
	if s.log != nil {
		_ = s.log.Close() // every line is written through
		s.log = nil
	}
}
