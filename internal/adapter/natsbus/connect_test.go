package natsbus_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/bustest"
	"github.com/greenroomlive/greenroom/internal/adapter/natsbus"
)

const secret = "open-sesame"

func TestASecretInAURLIsRefusedAndNotRepeated(t *testing.T) {
	for _, url := range []string{"nats://" + secret + "@127.0.0.1:4222", "nats://user:" + secret + "@127.0.0.1:4222"} {
		_, err := natsbus.Connect(natsbus.ServersConfig{URLs: []string{url}, Log: quiet(t)})
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%v", err)
		}
	}
}

func TestAFileThatIsNotThereIsNoted(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for name, c := range map[string]natsbus.ServersConfig{
		"credentials": {Credentials: missing}, "token": {Token: missing}, "CA": {CA: missing}, "certificate": {Cert: missing, Key: missing},
	} {
		c.URLs, c.Log = []string{"nats://127.0.0.1:1"}, quiet(t)
		if conn, err := natsbus.Connect(c); err == nil {
			conn.Close()
			t.Errorf("%s: connected without", name)
		}
	}
}

// The token is read at each attempt: one that was changed at one end first is tried until both agree, and none is logged.
func TestATokenMayChange(t *testing.T) {
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, Authorization: secret, NoSigs: true, NoLog: true})
	must(t, err)
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte("another-"+secret+"\n"), 0o600))
	var log lockedBuffer
	conn, err := natsbus.Connect(natsbus.ServersConfig{
		URLs: []string{srv.ClientURL()}, Name: "test", Token: file,
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	must(t, err)
	defer conn.Close()
	eventually(t, "three refusals", func(context.Context) bool { // after two a client usually gives up
		c, err := srv.Connz(&server.ConnzOptions{State: server.ConnClosed})
		return err == nil && c.Total >= 3
	})
	must(t, os.WriteFile(file, []byte(secret+"\n"), 0o600))
	eventually(t, "a connection", func(context.Context) bool { return conn.IsConnected() })
	if strings.Contains(log.String(), secret) {
		t.Errorf("the log tells the token:\n%s", log.String())
	}
}

// Each shard of the log has a stream of its own; shard 0 keeps the name it always had.
func TestShardsDoNotMeet(t *testing.T) {
	conn := connect(t, runEmbedded(t, t.TempDir()).broker)
	one, err := natsbus.New(conn, natsbus.Config{Shard: 1, Durable: "project-test", Epoch: bustest.Epoch, Log: quiet(t)})
	must(t, err)
	publish(t, newBus(t, conn, nil), bustest.Events(3, 1))
	publish(t, one, bustest.Events(5, 2))
	for name, want := range map[string]uint64{natsbus.Stream: 1, natsbus.Stream + "_1": 1} {
		s, err := jetStream(t, conn).Stream(t.Context(), name)
		must(t, err)
		if got := s.CachedInfo().State.Msgs; got != want {
			t.Errorf("%s holds %d pages, want %d", name, got, want)
		}
	}
	if at, err := one.Position(t.Context()); err != nil || at != 5 {
		t.Errorf("shard 1 stands at %d, %v", at, err)
	}
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
