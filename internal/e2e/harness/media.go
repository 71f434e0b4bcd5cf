package harness

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/deploy/mediaserver"
	"github.com/greenroomlive/greenroom/internal/stage"
)

// NeedMedia skips the test on a machine without nginx-rtmp and ffmpeg; in CI (CI=true) it fails.
func NeedMedia(t testing.TB) {
	t.Helper()
	missing := strings.Join(stage.MissingPackages(), " ")
	switch {
	case missing == "":
	case os.Getenv("CI") == "true":
		t.Fatalf("packages are missing: apt-get install %s", missing)
	default:
		t.Skipf("packages are missing: apt-get install %s", missing)
	}
}

// Nginx runs an nginx-rtmp in front of g, until the test ends.
func (g *Greenroom) Nginx() *stage.Nginx {
	g.t.Helper()
	v := NginxValues(g.t)
	v.GreenroomAddr = g.CommandAddr()
	return g.StartNginx(v)
}

// NginxValues are free addresses and a folder, for who has to know them before there is a greenroom.
func NginxValues(t testing.TB) mediaserver.Values {
	t.Helper()
	v := mediaserver.Values{RunDir: t.TempDir()}
	for _, addr := range []*string{&v.RTMPAddr, &v.HLSAddr, &v.HooksAddr} {
		var err error
		if *addr, err = stage.FreeAddr(); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// StartNginx runs an nginx-rtmp with these values, and with the configuration changed by edits: another one in place of
// one that was killed, or one that lacks something.
func (g *Greenroom) StartNginx(v mediaserver.Values, edits ...string) *stage.Nginx {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), Deadline)
	defer cancel()
	n, err := stage.StartNginx(ctx, v, edits...)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() {
		n.Stop()
		if log, err := os.ReadFile(filepath.Join(v.RunDir, "error.log")); g.t.Failed() && err == nil {
			g.t.Logf("nginx wrote:\n%s%s", n.Output(), log)
		}
	})
	return n
}

// Publish runs ffmpeg against the address, until the test ends.
func (g *Greenroom) Publish(url string) *stage.Process {
	g.t.Helper()
	p, err := stage.TestPicture(url)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(p.Kill)
	return p
}

// MustFail waits until the program has ended, and not well.
func MustFail(t testing.TB, p *stage.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Deadline)
	defer cancel()
	err := p.Wait(ctx)
	switch {
	case ctx.Err() != nil:
		t.Fatal(err)
	case err == nil:
		t.Fatalf("it ended well:\n%s", p.Output())
	}
}
