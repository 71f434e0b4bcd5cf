// Package mediaserver holds the ready-made configurations of the media servers that Greenroom
// works with. The one of nginx-rtmp is embedded, so that the demo and the end-to-end test run exactly
// the file that is handed out.
package mediaserver

import (
	_ "embed" // the configuration below
	"strings"
)

//go:embed nginx-rtmp.conf
var nginxRTMP string

// Values are what an nginx-rtmp.conf leaves open.
type Values struct {
	// RTMPAddr, HLSAddr and HooksAddr (loopback) are listened on; GreenroomAddr is the B side's. host:port each.
	RTMPAddr, HLSAddr, HooksAddr, GreenroomAddr string
	// HookSecret is empty when Greenroom knows this server by its address.
	HookSecret string
	// RunDir takes pid, log, temporary files and HLS.
	RunDir string
}

// NginxRTMP fills in the values.
func NginxRTMP(v Values) string {
	return strings.NewReplacer(
		"${RTMP_ADDR}", v.RTMPAddr,
		"${HLS_ADDR}", v.HLSAddr,
		"${HOOKS_ADDR}", v.HooksAddr,
		"${GREENROOM_ADDR}", v.GreenroomAddr,
		"${HOOK_SECRET}", v.HookSecret,
		"${RUN_DIR}", v.RunDir,
	).Replace(nginxRTMP)
}
