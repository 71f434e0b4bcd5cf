package stage

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/greenroomlive/greenroom/deploy/mediaserver"
)

// rtmpModule is where Debian's libnginx-mod-rtmp puts it.
const rtmpModule = "/usr/lib/nginx/modules/ngx_rtmp_module.so"

// MissingPackages names the Debian packages that a broadcast needs and this machine lacks.
func MissingPackages() []string {
	var out []string
	if nginxBinary() == "" {
		out = append(out, "nginx")
	}
	if _, err := os.Stat(rtmpModule); err != nil {
		out = append(out, "libnginx-mod-rtmp")
	}
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		out = append(out, "ffmpeg")
	}
	return out
}

// nginxBinary finds nginx, which Debian keeps outside the path of ordinary users.
func nginxBinary() string {
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Nginx is a running nginx with its RTMP module, as deploy/mediaserver/nginx-rtmp.conf describes it.
type Nginx struct {
	*Process
	Values mediaserver.Values
}

// StartNginx runs nginx in the foreground and waits until it listens. Edits are pairs of what stands in the configuration
// and what shall stand there instead.
func StartNginx(ctx context.Context, v mediaserver.Values, edits ...string) (*Nginx, error) {
	conf := filepath.Join(v.RunDir, "nginx.conf")
	if err := os.WriteFile(conf, []byte(strings.NewReplacer(edits...).Replace(mediaserver.NginxRTMP(v))), 0o600); err != nil {
		return nil, err
	}
	global := "daemon off;"
	if os.Getuid() == 0 {
		global += " user root;" // or the workers could not write the folder
	}
	p, err := Start(nil, v.RunDir, nginxBinary(), "-c", conf, "-e", filepath.Join(v.RunDir, "error.log"), "-g", global)
	if err != nil {
		return nil, err
	}
	for _, addr := range []string{v.RTMPAddr, v.HLSAddr, v.HooksAddr} {
		if err := p.Until(ctx, addr+" listening", listening(addr)); err != nil {
			p.Kill()
			log, _ := os.ReadFile(filepath.Join(v.RunDir, "error.log")) // what there is of it
			return nil, fmt.Errorf("%w\n%s", err, log)
		}
	}
	return &Nginx{Process: p, Values: v}, nil
}

// RTMP is the address to publish a stream to; key is empty when the name is the key.
func (n *Nginx) RTMP(name, key string) string {
	url := "rtmp://" + n.Values.RTMPAddr + "/live/" + name
	if key != "" {
		url += "?key=" + key
	}
	return url
}

// HLS is the address of a room's playlist.
func (n *Nginx) HLS(room string) string {
	return "http://" + n.Values.HLSAddr + "/hls/" + room + ".m3u8"
}

// TestPicture makes ffmpeg publish a small generated picture, with a key frame each second.
func TestPicture(url string) (*Process, error) {
	return publish(url, []string{"testsrc=size=320x180:rate=15"}, "-g", "15")
}

// TestShow makes ffmpeg publish a larger picture with a running clock, and a tone.
func TestShow(url string) (*Process, error) {
	const plain = "testsrc=size=1280x720:rate=25"
	picture := plain + `,drawtext=text='%{localtime\:%T}':fontsize=96:fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=24:x=(w-text_w)/2:y=h-160`
	if exec.Command("ffmpeg", "-nostdin", "-f", "lavfi", "-i", picture, "-frames:v", "1", "-f", "null", "-").Run() != nil {
		picture = plain // no fonts on this machine; the picture counts seconds by itself
	}
	return publish(url, []string{picture, "sine=frequency=440:beep_factor=4:sample_rate=44100"}, "-g", "25", "-c:a", "aac", "-b:a", "96k")
}

// publish encodes the generated inputs in real time and sends them over RTMP.
func publish(url string, inputs []string, encode ...string) (*Process, error) {
	args := []string{"-hide_banner", "-nostdin", "-loglevel", "error"}
	for _, in := range inputs {
		args = append(args, "-re", "-f", "lavfi", "-i", in)
	}
	args = append(args, "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p")
	args = append(append(args, encode...), "-f", "flv", url)
	return Start(nil, "", "ffmpeg", args...)
}
