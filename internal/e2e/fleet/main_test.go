package fleet

import (
	"flag"
	"os"
	"testing"

	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

var (
	every  = flag.Bool("every", false, "play every row, each for its full time; CI plays a part")
	out    = flag.String("out", "", "file to write the table to")
	folder = flag.String("folder", "", "folder of the fleet, kept; a temporary one without")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(harness.Main(m))
}
