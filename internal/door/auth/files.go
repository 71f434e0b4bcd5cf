package auth

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Files of the data folder. Both are secrets: only their owner may read them.
const (
	keyFile = "dev-key.pem"
	opsFile = "ops-token"

	private  = 0o600
	readable = 0o644
)

// DevKey reads the development signing key from the data folder, and makes it on the first start.
func DevKey(dir string) (ed25519.PrivateKey, error) {
	path := filepath.Join(dir, keyFile)
	key, err := LoadKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path)
	}
	return key, err
}

// LoadKey reads a signing key that DevKey or MakeKey has written.
func LoadKey(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
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
	return key, writeKey(path, key)
}

func writeKey(path string, key ed25519.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return replace(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), private)
}

// MakeKey makes a signing key for a fleet and writes it to keyPath, which must not exist: a key that is overwritten takes
// all its tokens with it. Its public part is added to the JWKS at setPath, or a new one: the keys that stand there stay,
// so that their tokens are good until they expire. The set is written first: a key is published before it signs.
func MakeKey(keyPath, setPath string) (kid string, err error) {
	if _, err := os.Stat(keyPath); !errors.Is(err, fs.ErrNotExist) {
		return "", errors.Join(fmt.Errorf("%s is there already", keyPath), err)
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	text, err := os.ReadFile(setPath)
	if err == nil {
		err = json.Unmarshal(text, &set)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: %w", setPath, err)
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	for _, k := range set.Keys {
		if !k.IsPublic() {
			return "", fmt.Errorf("%s holds a private key: it is for everybody to read", setPath)
		}
	}
	kid = KeyID(public)
	set.Keys = append(set.Keys, jose.JSONWebKey{Key: public, KeyID: kid, Algorithm: "EdDSA", Use: "sig"})
	text, err = json.MarshalIndent(set, "", "  ")
	if err != nil {
		return "", err
	}
	if err := replace(setPath, append(text, '\n'), readable); err != nil {
		return "", err
	}
	return kid, writeKey(keyPath, key)
}

// KeyID is the name of a key, made of the key itself (RFC 7638): nobody has to keep a list.
func KeyID(key ed25519.PublicKey) string {
	sum, err := (&jose.JSONWebKey{Key: key}).Thumbprint(crypto.SHA256)
	if err != nil { // not for a key of this type
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// NewOpsToken makes an ops token nobody can guess: 26 characters, 130 bits.
func NewOpsToken() string { return "ops_" + rand.Text() }

// SaveOpsToken leaves the ops token where the command line of the same user finds it.
func SaveOpsToken(dir, token string) error {
	return replace(filepath.Join(dir, opsFile), []byte(token+"\n"), private)
}

// LoadOpsToken reads what SaveOpsToken left; empty when there is no such file.
func LoadOpsToken(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, opsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
}

// replace writes the file in one step, so that a crash leaves the old one or the new one, and a private one is
// never for a moment readable by others.
func replace(path string, text []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600 from birth
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // nothing left to remove once it is renamed
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
