package fleet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"
)

// mostTail bounds what is read for the last lines of a log, in bytes.
const mostTail = 1 << 20

// tail returns the last lines of a file, none of them from before the offset.
func tail(path string, from int64, lines int) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.NewSectionReader(f, max(from, info.Size()-mostTail), mostTail))
	if err != nil {
		return "", err
	}
	text = bytes.TrimRight(text, "\n")
	at := len(text)
	for range lines {
		if at = bytes.LastIndexByte(text[:at], '\n'); at < 0 {
			break
		}
	}
	return string(text[at+1:]) + "\n", nil
}

// follow copies what is appended to a file until ctx ends.
func follow(ctx context.Context, path string, out io.Writer) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := io.Copy(out, f); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil // that is how one stops to watch
			}
			return ctx.Err()
		case <-tick.C:
		}
	}
}
