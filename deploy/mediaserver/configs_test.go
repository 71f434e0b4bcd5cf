package mediaserver_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/greenroomlive/greenroom/deploy/mediaserver"
	"github.com/greenroomlive/greenroom/internal/stage"
)

func TestNoPlaceIsLeftOpen(t *testing.T) {
	conf := mediaserver.NginxRTMP(mediaserver.Values{
		RTMPAddr: "127.0.0.1:1935", HLSAddr: "127.0.0.1:8088", HooksAddr: "127.0.0.1:8089", GreenroomAddr: "127.0.0.1:8080", RunDir: "/run/x",
	})
	if strings.Contains(conf, "${") {
		t.Fatalf("left open: %s", conf)
	}
}

// TestNginxTakesItsConfiguration asks nginx itself, with and without a secret. A warning is a failure:
// it would greet whoever starts it.
func TestNginxTakesItsConfiguration(t *testing.T) {
	if missing := stage.MissingPackages(); len(missing) > 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("packages are missing: apt-get install %s", strings.Join(missing, " "))
		}
		t.Skipf("packages are missing: apt-get install %s", strings.Join(missing, " "))
	}
	for _, secret := range []string{"", "a secret; with # signs"} {
		dir := t.TempDir()
		conf := filepath.Join(dir, "nginx.conf")
		text := mediaserver.NginxRTMP(mediaserver.Values{
			RTMPAddr: "127.0.0.1:1935", HLSAddr: "127.0.0.1:8088", HooksAddr: "127.0.0.1:8089", GreenroomAddr: "127.0.0.1:8080", HookSecret: secret, RunDir: dir,
		})
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		nginx, err := exec.LookPath("nginx")
		if err != nil {
			nginx = "/usr/sbin/nginx" // where Debian keeps it from ordinary users
		}
		out, err := exec.CommandContext(t.Context(), nginx, "-t", "-c", conf, "-e", filepath.Join(dir, "error.log")).CombinedOutput()
		if err != nil || strings.Contains(string(out), "[warn]") {
			t.Errorf("nginx -t: %v\n%s", err, out)
		}
	}
}

func TestTheConfigurationsCallTheRightDoors(t *testing.T) {
	for file, hooks := range map[string][]string{
		"nginx-rtmp.conf": {"/hooks/nginx-rtmp", "on_publish ", "on_publish_done ", "on_update ", "notify_update_timeout 2s",
			"location = /stat", "rtmp_stat all", "add_header X-Greenroom-Server $me", "location /control/", "rtmp_control all"},
		"srs.conf":     {"on_publish      http://127.0.0.1:8080/hooks/srs;", "on_unpublish    http://127.0.0.1:8080/hooks/srs;", "http_api"},
		"mediamtx.yml": {"authHTTPAddress: http://127.0.0.1:8080/hooks/mediamtx", "/hooks/mediamtx/ready", "/hooks/mediamtx/notready"},
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, hook := range hooks {
			if !strings.Contains(string(text), hook) {
				t.Errorf("%s does not say %q", filepath.Base(file), hook)
			}
		}
	}
}

func TestMediaMTXIsYAML(t *testing.T) {
	text, err := os.ReadFile("mediamtx.yml")
	if err != nil {
		t.Fatal(err)
	}
	var conf struct {
		AuthMethod   string            `yaml:"authMethod"`
		PathDefaults map[string]string `yaml:"pathDefaults"`
		Paths        map[string]any    `yaml:"paths"`
	}
	if err := yaml.Unmarshal(text, &conf); err != nil || conf.AuthMethod != "http" || len(conf.Paths) != 1 {
		t.Fatalf("%+v: %v", conf, err)
	}
	if run := conf.PathDefaults["runOnReady"]; strings.Contains(strings.TrimSpace(run), "\n") {
		t.Fatalf("a command of several lines: %q", run)
	}
}
