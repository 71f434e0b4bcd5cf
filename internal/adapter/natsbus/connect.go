package natsbus

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// A server that was frozen, or cut off without a word, is given up after three pings.
	pingEvery, pingsOut = time.Second, 2
	// dialWithin bounds the wait for a server that takes the connection and then says nothing.
	dialWithin = time.Second
	// A cluster that comes back must not be met by all its clients in the same moment.
	firstReconnect, reconnectSpread = 100 * time.Millisecond, 400 * time.Millisecond
)

var errSecretInURL = errors.New("natsbus: a URL of a server carries a name or a password: put them into a credentials or token file")

// ServersConfig says where the servers are and how to be let in.
type ServersConfig struct {
	// URLs of one or some servers of the zone, nats://HOST:PORT or tls://HOST:PORT. They tell of the others. They carry
	// no secret: URLs are logged. Required.
	URLs []string
	// Name is what the servers call the connection.
	Name string
	// Credentials is a file with a user's JWT and key, Token a file with a token. Both are read at each connect, so they
	// may be replaced while the process runs. Empty for none.
	Credentials, Token string
	// CA is a file with the certificates that sign the servers'; Cert and Key are files of the client's own.
	// Empty for none.
	CA, Cert, Key string
	Log           *slog.Logger
}

// Connect makes a connection to a cluster. It waits for nobody: servers that are not there are tried for ever. The
// caller closes it.
func Connect(c ServersConfig) (*nats.Conn, error) {
	for _, url := range c.URLs {
		if strings.Contains(url, "@") {
			return nil, errSecretInURL
		}
	}
	options := append(ConnectOptions(c.Name, c.Log),
		nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pingsOut), nats.Timeout(dialWithin),
		nats.ReconnectWait(firstReconnect), nats.ReconnectJitter(reconnectSpread, reconnectSpread),
		nats.IgnoreAuthErrorAbort()) // a token that was changed at one end first is no reason to give up for ever
	for _, file := range []string{c.Credentials, c.Token} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil { // or the log alone would say it, at each attempt
			return nil, fmt.Errorf("natsbus: %w", err)
		}
	}
	if c.Credentials != "" {
		options = append(options, nats.UserCredentials(c.Credentials))
	}
	if c.Token != "" {
		options = append(options, nats.TokenHandler(tokenIn(c.Token, c.Log)))
	}
	if c.CA != "" {
		options = append(options, nats.RootCAs(c.CA))
	}
	if c.Cert != "" {
		options = append(options, nats.ClientCert(c.Cert, c.Key))
	}
	conn, err := nats.Connect(strings.Join(c.URLs, ","), options...)
	if err != nil {
		return nil, fmt.Errorf("natsbus: connect to %s: %w", strings.Join(c.URLs, ", "), err)
	}
	return conn, nil
}

// tokenIn reads the token when it is asked for. A file that cannot be read is no token: the server refuses it, and
// the next attempt reads again.
func tokenIn(file string, log *slog.Logger) func() string {
	return func() string {
		raw, err := os.ReadFile(file)
		if err != nil {
			log.Warn("cannot read the broker's token", "error", err)
		}
		return string(bytes.TrimSpace(raw))
	}
}
