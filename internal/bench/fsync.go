package bench

import (
	"errors"
	"os"
	"path/filepath"
	"time"
)

const (
	// pageBytes is what a small commit writes: one page.
	pageBytes = 4 << 10
	// logBytes is the file that pages go around in when it does not grow.
	logBytes = 16 << 20
)

// fsyncRate is how many times a second one writer can write a page and have it on the disk below
// dir. A file that grows has its new size and place written with every page, as a log's are; one that does not
// grow, and was written before, costs least.
func fsyncRate(dir string, grows bool, length time.Duration) (rate float64, err error) {
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	around := int64(logBytes)
	if grows {
		around = 1 << 60
	} else if _, err := f.Write(make([]byte, logBytes)); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	written := make([]byte, pageBytes)
	began, n := time.Now(), 0
	for ; time.Since(began) < length; n++ {
		written[0]++
		if _, err := f.WriteAt(written, int64(n)*pageBytes%around); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(began).Seconds(), nil
}
