package fleet

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/greenroomlive/greenroom/internal/door/auth"
)

// Files of secrets besides the ops token; the key is where `greenroom token mint --data` looks for it.
const (
	keyFile      = "dev-key.pem"
	jwksFile     = "jwks.json" // holds the public part only
	internalFile = "internal-secret"
	databaseFile = "database-password"
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
	if s.internal, err = secret(filepath.Join(folder, internalFile)); err != nil {
		return s, err
	}
	if s.database, err = secret(filepath.Join(folder, databaseFile)); err != nil {
		return s, err
	}
	s.jwks = filepath.Join(folder, jwksFile)
	key := filepath.Join(folder, keyFile)
	if _, err := os.Stat(key); errors.Is(err, fs.ErrNotExist) {
		_, err = auth.MakeKey(key, s.jwks)
		return s, err
	}
	return s, nil
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
