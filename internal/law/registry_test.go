package law

import (
	"database/sql"
	"go/ast"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/sqlitestore"
	"github.com/greenroomlive/greenroom/internal/app"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCodes(t *testing.T) {
	page := read(t, "docs/reference/errors.md")
	seen := map[string]bool{}
	last := 0
	for _, c := range fault.Registry() {
		if seen[c.Name] {
			t.Errorf("%s stands twice in the registry: a code has one meaning", c.Name)
		}
		seen[c.Name] = true
		if c.Name != strings.ToUpper(c.Name) || !strings.HasSuffix(c.Meaning, ".") {
			t.Errorf("%s: the name is in capitals, the meaning a sentence: %q", c.Name, c.Meaning)
		}
		if http.StatusText(c.HTTP) == "" || c.HTTP < 400 || c.GRPC == 0 || c.GRPC > 16 {
			t.Errorf("%s has HTTP %d and gRPC %d", c.Name, c.HTTP, c.GRPC)
		}
		if c.HTTP < last {
			t.Errorf("%s is out of the registry's order, which is by HTTP status", c.Name)
		}
		last = c.HTTP
		if c.HTTP >= 500 && !c.Retryable {
			t.Errorf("%s is a fault of ours, and the caller is told that a retry cannot help", c.Name)
		}
		if !strings.Contains(page, "| `"+c.Name+"` | "+strconv.Itoa(c.HTTP)) {
			refuse(t, "callers program against the page; run `make generate`", "docs/reference/errors.md does not tell %s", c.Name)
		}
	}
}

func TestEvents(t *testing.T) {
	page := read(t, "docs/reference/events.md")
	declared := constants(t, "internal/core/event/types.go")
	for _, e := range event.Registry {
		if !declared[string(e.Type)] {
			t.Errorf("%s is registered twice, or is no constant of types.go", e.Type)
		}
		delete(declared, string(e.Type))
		if _, err := os.Stat(filepath.Join(root, e.Story)); err != nil {
			refuse(t, "the registry leads newcomers to the story", "%s is decided in %s: %v", e.Type, e.Story, err)
		}
		if !strings.Contains(page, "\n## "+string(e.Type)+"\n") {
			refuse(t, "subscribers program against the page; run `make generate`", "docs/reference/events.md does not tell %s", e.Type)
		}
	}
	for name := range declared {
		refuse(t, "an event that nobody can look up has no meaning", "%s is a constant, but not in event.Registry", name)
	}
}

// constants are the names of a file's constants that are texts.
func constants(t *testing.T, name string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, f := range files(t) {
		if f.name != name {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
				if l, ok := v.Values[0].(*ast.BasicLit); ok {
					text, err := strconv.Unquote(l.Value)
					out[text] = err == nil
				}
			}
			return true
		})
	}
	return out
}

var metricName = regexp.MustCompile(`^greenroom_([a-z]+)_[a-z_]*(seconds|bytes|total|seq|rooms|people|watchers|ratio|per_second)$`)

func TestMetrics(t *testing.T) {
	list, err := app.MetricsReference()
	if err != nil {
		t.Fatal(err)
	}
	stations := map[string]bool{}
	for _, p := range house(t) {
		stations[p.Name] = true
	}
	names := map[string]bool{}
	for _, m := range list {
		names[m.Name] = true
		parts := metricName.FindStringSubmatch(m.Name)
		if parts == nil || !stations[parts[1]] {
			refuse(t, "one word per idea: the name leads from the graph to the code", "%s is not greenroom_<package>_<thing>_<unit>", m.Name)
		}
		if !strings.HasSuffix(m.Help, ".") {
			t.Errorf("%s: the help is a sentence: %q", m.Name, m.Help)
		}
	}
	for _, s := range slices.Concat(station.Corridor, station.Stopping) {
		if !names[s.Metric] {
			refuse(t, "`greenroom explain` sends people to a graph that is not there", "station %s names the metric %q, which is not served", s.Station, s.Metric)
		}
	}
}

// storesOwn are the tables of room_b that hold no entity: no role writes them, the store does.
var storesOwn = map[string]bool{"meta": true, "log": true, "answer": true, "audit": true, "switch_turn": true}

// The ownership table is complete: every table of the B side but the store's own stands in it with every column, and it
// names no column that is not there.
func TestOwnershipIsComplete(t *testing.T) {
	table := map[string]map[string]bool{}
	for _, c := range ownership.Table {
		if table[c.Entity] == nil {
			table[c.Entity] = map[string]bool{}
		}
		if table[c.Entity][c.Name] {
			t.Errorf("%s.%s stands twice: a column has one owner", c.Entity, c.Name)
		}
		table[c.Entity][c.Name] = true
		if c.Secret && (c.Viewers || len(c.Events) > 0) {
			refuse(t, "secrets leave B in no form", "%s.%s is secret and travels", c.Entity, c.Name)
		}
		if c.Viewers && len(c.Events) == 0 {
			refuse(t, "only events reach the viewers' side", "%s.%s is shown to viewers, but no event carries it", c.Entity, c.Name)
		}
	}
	schema := schemaOfRooms(t)
	for name := range schema {
		if table[name] == nil && !storesOwn[name] {
			refuse(t, "an entity without owners may be written by anybody", "room_b has the table %s, ownership.Table has not", name)
		}
	}
	for _, entity := range slices.Sorted(maps.Keys(table)) {
		for _, column := range schema[entity] {
			if !table[entity][column] {
				refuse(t, "a column without an owner may be written by anybody", "room_b has %s.%s, ownership.Table has not", entity, column)
			}
			delete(table[entity], column)
		}
		for column := range table[entity] {
			t.Errorf("ownership.Table has %s.%s, room_b has not", entity, column)
		}
	}
}

// schemaOfRooms asks a fresh room_b for its tables and columns.
func schemaOfRooms(t *testing.T) map[string][]string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "room_b.db")
	rooms, err := sqlitestore.OpenRooms(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := rooms.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // nothing was written
	rows, err := db.Query(`SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what matters
	out := map[string][]string{}
	for rows.Next() {
		var entity, column string
		if err := rows.Scan(&entity, &column); err != nil {
			t.Fatal(err)
		}
		out[entity] = append(out[entity], column)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
