package fleet

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/greenroomlive/greenroom/internal/door/auth"
)

// secrets are made once for a folder. They lie in files that only their owner may read; the ops token and the
// signing key where the command line finds them when the folder is given as --data.
type secrets struct {
	token, internal, database string
	// jwks is the file with the public key of the tokens that `greenroom token mint` signs.
	jwks string
}

// openSecrets reads the folder's secrets, and makes those that are missing.
func openSecrets(folder string) (s secrets, err error) {
	if s.token, err = auth.LoadOpsToken(folder); err != nil {
		return s, err
	}
	if s.token == "" {
		s.token = auth.NewOpsToken()
		if err := auth.SaveOpsToken(folder, s.token); err != nil {
			return s, err
		}
	}
	if s.internal, err = secret(filepath.Join(folder, "internal-secret")); err != nil {
		return s, err
	}
	if s.database, err = secret(filepath.Join(folder, "database-password")); err != nil {
		return s, err
	}
	key, err := auth.DevKey(folder)
	if err != nil {
		return s, err
	}
	s.jwks = filepath.Join(folder, "jwks.json")
	return s, writeJWKS(s.jwks, key.Public().(ed25519.PublicKey))
}

// secret reads a secret from its file, or makes one that nobody can guess.
func secret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		s := rand.Text()
		return s, replace(path, []byte(s+"\n"))
	}
	return strings.TrimSpace(string(text)), err
}

// writeJWKS tells the public key, once, in the form that JWT libraries read (RFC 8037).
func writeJWKS(path string, key ed25519.PublicKey) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	type jwk struct {
		KeyType   string `json:"kty"`
		Curve     string `json:"crv"`
		X         string `json:"x"`
		Use       string `json:"use"`
		Algorithm string `json:"alg"`
		ID        string `json:"kid"`
	}
	text, err := json.MarshalIndent(map[string][]jwk{"keys": {{
		KeyType: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(key), Use: "sig", Algorithm: "EdDSA", ID: "fleet",
	}}}, "", "  ")
	if err != nil {
		return err
	}
	return replace(path, append(text, '\n'))
}
