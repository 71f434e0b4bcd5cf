package queryapi

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// kind is what a connection's next bytes are.
type kind int

const (
	partHead  kind = iota // the beginning of a head
	plainHead             // a head that the fast lane understands
	wholeHead             // a request that ends where everybody says it does
	oddHead               // anything else: with a body, the last one, or one that two servers might read differently
)

// request is what the lane knows of a plain request.
type request struct {
	size   int // of the head, and of a question behind it
	target []byte
	isHead bool
	// asks: it is a POST that asks who may speak, whose body is the question. Its authorization shows the token.
	asks          bool
	length        int // as the head says
	question      []byte
	authorization []byte
	// encodings: the client says which it takes.
	encodings bool
	// priority and forwarded are for admission.
	priority, forwarded []byte
}

var (
	headerAuthorization    = []byte("Authorization")
	headerConnection       = []byte("Connection")
	headerContentLength    = []byte("Content-Length")
	headerExpect           = []byte("Expect")
	headerHost             = []byte("Host")
	headerTransferEncoding = []byte("Transfer-Encoding")
	keepAlive              = []byte("keep-alive")
	http11                 = []byte(" HTTP/1.1")
)

// The headers that the lane looks at.
type headerName uint8

const (
	otherName headerName = iota
	hostName
	connectionName
	bodyName   // there is a body, or will be
	lengthName // of the body
	authName
	serversName  // what it asks for is the server's to do
	encodingName // and the rest is kept
	priorityName
	forwardedName
)

// names are they, by their length.
var names = [...][]struct {
	name []byte
	is   headerName
}{
	len("Host"):               {{headerHost, hostName}},
	len("Expect"):             {{headerExpect, bodyName}},
	len("Connection"):         {{headerConnection, connectionName}},
	len("If-None-Match"):      {{headerIfNoneMatch, serversName}, {headerAuthorization, authName}},
	len("Content-Length"):     {{headerContentLength, lengthName}},
	len("Accept-Encoding"):    {{headerAcceptEncoding, encodingName}, {headerPriority, priorityName}, {headerForwarded, forwardedName}},
	len("Transfer-Encoding"):  {{headerTransferEncoding, bodyName}},
	len("X-Room-Min-Version"): {{headerMinVersion, serversName}},
}

func nameOf(name []byte) headerName {
	if len(name) < len(names) {
		for i := range names[len(name)] {
			if n := &names[len(name)][i]; bytes.EqualFold(name, n.name) {
				return n.is
			}
		}
	}
	return otherName
}

// readHead reads a request's head. It is strict: what it calls a whole head has lines that end in CRLF, names
// that end at their colon, no folded line, and nothing that announces a body or the end of the connection. Only a
// question of who may speak has a body, of a length that is said once and all of which is there.
func readHead(b []byte) (r request, is kind) {
	line, rest, ok := cutLine(b)
	if !ok {
		return r, unended(b)
	}
	if is = r.readTarget(line); is == oddHead {
		return r, is
	}
	for hosts, lengths := 0, 0; ; {
		if line, rest, ok = cutLine(rest); !ok {
			return r, unended(rest)
		}
		if len(line) == 0 {
			if hosts != 1 {
				is = wholeHead
			}
			r.size = len(b) - len(rest)
			return r, r.readQuestion(rest, lengths, is)
		}
		name, of := r.readHeader(line)
		if of == oddHead {
			return r, oddHead
		}
		is = max(is, of)
		switch name {
		case hostName:
			hosts++
		case lengthName:
			lengths++
		}
	}
}

// readTarget reads the first line.
func (r *request) readTarget(line []byte) kind {
	target, isGet := bytes.CutPrefix(line, []byte("GET "))
	if !isGet {
		target, r.isHead = bytes.CutPrefix(line, []byte("HEAD "))
	}
	isPost := false
	if !isGet && !r.isHead {
		target, isPost = bytes.CutPrefix(line, []byte("POST "))
	}
	var ok bool
	r.target, ok = bytes.CutSuffix(target, http11)
	r.asks = isPost && bytes.HasSuffix(r.target, pathCheck)
	switch {
	case ok && (isGet || r.isHead || r.asks):
		return plainHead
	case ok && bytes.HasPrefix(line, []byte("OPTIONS ")):
		return wholeHead
	}
	return oddHead
}

// readHeader reads one line behind the first, and says what becomes of a plain head with it.
func (r *request) readHeader(line []byte) (name headerName, is kind) {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || line[0] <= ' ' || line[colon-1] <= ' ' {
		return otherName, oddHead
	}
	name, value := nameOf(line[:colon]), line[colon+1:]
	is = plainHead
	if !plainHeader(line[:colon], value) || name == serversName {
		is = wholeHead
	}
	return name, max(is, r.take(name, bytes.TrimSpace(value)))
}

// take keeps what a header says, and says what becomes of a plain head with it.
func (r *request) take(name headerName, value []byte) (is kind) {
	is = plainHead
	switch name {
	case bodyName:
		is = oddHead
	case lengthName:
		if !r.readLength(value) {
			is = oddHead
		}
	case authName:
		if r.authorization != nil {
			is = wholeHead
		}
		r.authorization = value
	case connectionName:
		if !bytes.EqualFold(value, keepAlive) {
			is = oddHead
		}
	case hostName:
		if !plainHost(value) {
			is = wholeHead
		}
	case encodingName:
		r.encodings = true
	case priorityName:
		r.priority = value
	case forwardedName:
		r.forwarded = value
	}
	return is
}

// plainHeader: letters, digits and dashes, and whatever can be read. The server judges everything else.
func plainHeader(name, value []byte) bool {
	for _, c := range name {
		if c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	for _, c := range value {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// plainHost: a name or an IPv4 address, perhaps with a port. Whether anything else is a host is the server's to say.
func plainHost(b []byte) bool {
	name, port, has := bytes.Cut(b, []byte{':'})
	for _, c := range name {
		if c != '.' && c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	_, ok := number(port)
	return len(name) > 0 && (ok || !has)
}

// cutLine cuts off a line that ends in CRLF.
func cutLine(b []byte) (line, rest []byte, ok bool) {
	end := bytes.IndexByte(b, '\n')
	if end < 1 || b[end-1] != '\r' {
		return nil, b, false
	}
	return b[:end-1], b[end+1:], true
}

// unended is what bytes are of which no line could be cut off.
func unended(b []byte) kind {
	if bytes.IndexByte(b, '\n') >= 0 {
		return oddHead // a line that ends in a bare LF
	}
	return partHead
}

// plain appends the answer to a request that needs nothing but resident rooms. False: the server answers it,
// with all it can do; nothing was appended.
func (s *HTTP) plain(sp *space, r *request) (ok bool) {
	begin := len(sp.out)
	defer func() {
		if p := recover(); p != nil { // the server will meet it again, or was luckier
			s.Log.Error("fast lane", slog.String("error", fmt.Sprintf("panic: %v\n%s", p, debug.Stack())))
			sp.out, ok = sp.out[:begin], false
		}
	}()
	if s.Admissions.budgets() {
		return false // the server tells each client what is left
	}
	if s.serving.Err() != nil {
		return false // the server knows how to say that it closes the connection
	}
	if r.asks {
		return s.plainSpeak(sp, r)
	}
	if id, is := roomTarget(r.target); is {
		return s.plainRoom(sp, id, r.isHead)
	}
	if ids, is := bytes.CutPrefix(r.target, []byte(batchTarget)); is && !r.encodings {
		return s.plainBatch(sp, ids, r.isHead)
	}
	return false
}

const batchTarget = "/v1/rooms?ids="

// The headers of the server's answers, in one piece as far as they are the same for all. What is said here
// and what room.go and batch.go say are compared by TestTheLaneSaysWhatTheServerSays.
const (
	plainHeaders = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nAccess-Control-Allow-Origin: *\r\n" +
		"Access-Control-Expose-Headers: " + exposedHeaders + "\r\nDate: "
	plainCaching = "\r\nCache-Control: " + briefly + "\r\nVary: "
)

func (s *HTTP) plainRoom(sp *space, id ident.RoomID, isHead bool) bool {
	look := s.Rooms.Look()
	e, ok := s.Rooms.Lookup(id)
	if !ok {
		return false
	}
	b := s.date.append(append(sp.out, plainHeaders...), look.At)
	b = append(append(b, "\r\nX-Room-Version: "...), e.VersionText()...)
	b = appendAge(b, look.Age(e))
	b = append(append(b, "\r\nEtag: "...), e.ETag...)
	b = appendLength(append(b, plainCaching+"X-Room-Min-Version"...), len(e.JSON))
	if !isHead {
		b = append(b, e.JSON...)
	}
	sp.out = b
	return true
}

func (s *HTTP) plainBatch(sp *space, ids []byte, isHead bool) bool {
	var ok bool
	if sp.batch.IDs, ok = appendIDs(sp.batch.IDs[:0], ids, query.MaxBatch); !ok {
		return false
	}
	look := s.Rooms.Look()
	if !s.Rooms.Residents(&sp.batch) {
		return false
	}
	b := s.date.append(append(sp.out, plainHeaders...), look.At)
	b = appendAge(b, look.Oldest(sp.batch.Found))
	size := len(`{"rooms":[],"missing":[]}`) + len(sp.batch.Found) - 1
	for _, e := range sp.batch.Found {
		size += len(e.Card())
	}
	b = appendLength(append(b, plainCaching+"Accept-Encoding"...), size)
	if !isHead {
		b = append(appendMissing(appendRooms(b, sp.batch.Found, nil), nil), '}')
	}
	sp.out = b
	return true
}

func appendAge(b []byte, age time.Duration) []byte {
	b = strconv.AppendInt(append(b, "\r\nX-Room-Age-Ms: "...), age.Milliseconds(), 10)
	if query.Stale(age) {
		b = append(b, "\r\nX-Room-Stale: true"...)
	}
	return b
}

func appendLength(b []byte, n int) []byte {
	return append(strconv.AppendInt(append(b, "\r\nContent-Length: "...), int64(n), 10), "\r\n\r\n"...)
}

// dateHeader is the value of the Date header, made once a second.
type dateHeader struct{ last atomic.Pointer[dated] }

type dated struct {
	second int64
	text   []byte
}

func (d *dateHeader) append(b []byte, now time.Time) []byte {
	at := d.last.Load()
	if second := now.Unix(); at == nil || at.second != second {
		at = &dated{second: second, text: fasthttp.AppendHTTPDate(nil, now)}
		d.last.Store(at)
	}
	return append(b, at.text...)
}
