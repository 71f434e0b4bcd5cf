package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Files of the data folder. Both are secrets: only their owner may read them.
const (
	keyFile = "dev-key.pem"
	opsFile = "ops-token"

	private = 0o600
)

// DevKey reads the development signing key from the data folder, and makes it on the first start.
func DevKey(dir string) (ed25519.PrivateKey, error) {
	path := filepath.Join(dir, keyFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s is not an Ed25519 key", path)
	}
	return key, nil
}

func makeKey(path string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePrivate(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// NewOpsToken makes an ops token nobody can guess: 26 characters, 130 bits.
func NewOpsToken() string { return "ops_" + rand.Text() }

// SaveOpsToken leaves the ops token where the command line of the same user finds it.
func SaveOpsToken(dir, token string) error {
	return writePrivate(filepath.Join(dir, opsFile), []byte(token+"\n"))
}

// LoadOpsToken reads what SaveOpsToken left; empty when there is no such file.
func LoadOpsToken(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, opsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
}

// writePrivate replaces the file in one step, so that a crash leaves the old one or the new one,
// and never for a moment readable by others.
func writePrivate(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600 from birth
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // nothing left to remove once it is renamed
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(private), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
