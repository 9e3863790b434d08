package gen_test

import (
	"testing"

	"github.com/espalier-go/espalier/gen"
)

func TestAnIDIsANameInLowerCase(t *testing.T) {
	for name, want := range map[string]string{
		"DB": "db", "Feeds": "feeds", "WebServer": "web_server", "HTTPServer": "http_server", "URLs": "urls",
		"userID": "user_id", "JSONToHTML": "json_to_html", "DBs": "dbs", "Match2": "match2", "V2Feed": "v2_feed",
		"Already_There": "already_there", "_Odd__One_": "odd_one", "Größe": "größe", "ÄrgerÖl": "ärger_öl", "A": "a",
		"AB": "ab", "ABc": "a_bc", "世界": "世界", "__": "",
	} {
		if got := gen.Snake(name); got != want {
			t.Errorf("%s has the id %q, want %q", name, got, want)
		}
	}
}

func TestAVariableBeginsWithALowerCaseWord(t *testing.T) {
	for name, want := range map[string]string{
		"DB": "db", "HTTPServer": "httpServer", "Web_Server": "web_Server", "_DB": "db", "_web": "web", "_2nd": "_2nd",
		"__": "__", "ȺéÉé": "ⱥéÉé", "世界": "世界", "ÄrgerÖl": "ärgerÖl",
	} {
		if got := gen.Lower(name); got != want {
			t.Errorf("%s becomes %q, want %q", name, got, want)
		}
	}
}

func TestAnImportPathImpliesThePackageName(t *testing.T) {
	for _, test := range []struct {
		name, path string
		like       bool
	}{
		{"sup", "github.com/espalier-go/espalier/sup", true},
		{"xsync", "github.com/puzpuzpuz/xsync/v4", true},
		{"v1", "k8s.io/api/core/v1", true},
		{"core", "k8s.io/api/core/v1", true},
		{"yaml", "gopkg.in/yaml.v3", true},
		{"sqlite3", "github.com/mattn/go-sqlite3", true},
		{"cmp", "github.com/google/go-cmp/cmp", true},
		{"natsgo", "github.com/nats-io/nats.go", true},
		{"nats", "github.com/nats-io/nats.go", true},
		{"toml", "github.com/BurntSushi/toml", true},
		{"foobar", "example.com/foo-bar", true},
		{"foo_bar", "example.com/foo-bar", true},
		{"baz", "example.com/foo-bar", false},
		{"example", "example.com/foo", false},
		{"v4", "example.com/v40", false},
	} {
		if got := gen.PackageLikeness(test.name, test.path) < 3; got != test.like {
			t.Errorf("name %s for path %q: %v, want %v", test.name, test.path, got, test.like)
		}
	}
}
