package natsbus

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// serverLog lets the server speak through slog, quietly: its notices are our debug lines, and its
// errors our warnings, since nothing that happens to the broker loses an event. A fatal message, after
// which a server of its own would exit, is kept for whoever started it.
type serverLog struct {
	log *slog.Logger

	mu  sync.Mutex
	end error
}

func (l *serverLog) Noticef(format string, v ...any) {
	l.log.Debug("broker: " + fmt.Sprintf(format, v...))
}
func (l *serverLog) Warnf(format string, v ...any) {
	l.log.Warn("broker: " + fmt.Sprintf(format, v...))
}
func (l *serverLog) Errorf(format string, v ...any) {
	l.log.Warn("broker: " + fmt.Sprintf(format, v...))
}
func (l *serverLog) Debugf(string, ...any) {}
func (l *serverLog) Tracef(string, ...any) {}

func (l *serverLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end = errors.Join(l.end, fmt.Errorf("natsbus: broker: "+format, v...))
}

func (l *serverLog) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end
}
