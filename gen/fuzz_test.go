package gen_test

import (
	"bytes"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/gen"
)

// For any tag of any field, Load returns faults inside the file or the output is Go.
func FuzzTag(f *testing.F) {
	for _, tag := range []string{
		`sup:"permanent,shutdown=5s"`, `sup:"rest_for_one,intensity=3/5s"`, `sup:"max=3" json:"x"`, `sup:"count=4,backoff=1s..5m"`,
		`sup:"-"`, `sup:""`, `sup:",,"`, `sup:"a=b=c"`, `sup:"\u00e9\"\\"`, `sup:`, `sup:"`, `sup`, "sup:\"name=\x00\"", "sup:\"name=\xff\"",
		`sup:"budget=5/1m,factor=1e999,jitter=-0"`, `json:"sup:\"x\""`, "sup:\"name=`\"", `sup:"significant,transient,reset=1h"`, `sup:"cap=9"`, `sup:"cap=unbounded"`,
		`supp:"permanent"`, `Sup:"-"`, `json:"x",sup:"permanent"`, `sup:"rest-for-al,OneForAll"`,
	} {
		for field := range uint8(8) {
			f.Add(tag, field)
		}
	}
	for _, o := range gen.Options() {
		f.Add(`sup:"`+o.Name+`"`, uint8(7))
		f.Add(`sup:"`+o.Name+`=1s"`, uint8(7))
	}
	const source = "package a\n\nimport (\n\t\"github.com/espalier-go/espalier/sup\"\n\t\"github.com/espalier-go/espalier/sup/mailbox\"\n)\n\n" +
		"type T struct {\n\tsup.Tree TAG0\n\tA sup.Child[*W] TAG1\n\tB sup.Keyed[K, *W] TAG2\n\tC sup.Replicas[*W] TAG3\n\tD *U TAG4\n\tE int TAG5\n\tM mailbox.Mailbox[W] TAG6\n}\n\n" +
		"type U struct {\n\tsup.Tree `sup:\"auto_shutdown=all_significant\"`\n\tF sup.Child[*W] TAG1\n}\n"
	f.Fuzz(func(t *testing.T, tag string, field uint8) {
		for _, literal := range []string{"`" + tag + "`", strconv.Quote(tag)} {
			text := source
			for i := range 7 {
				tagged := ""
				if int(field%8) == i || field%8 == 7 { // one of them, or all
					tagged = literal
				}
				text = strings.ReplaceAll(text, "TAG"+strconv.Itoa(i), tagged)
			}
			pipeline(t, []byte(text))
		}
	})
}

// For any source, Load returns faults inside the file or the output is Go.
func FuzzPipeline(f *testing.F) {
	for _, pattern := range []string{"internal/golden/*/*.go", "testdata/faults/*.txt"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatal("no seeds", err)
		}
		for _, path := range paths {
			src, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			if !strings.HasSuffix(path, ".txt") {
				f.Add(src)
				continue
			}
			_, files := split(src)
			for name, content := range files {
				if name != "faults" {
					f.Add(content)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		pipeline(t, src)
	})
}

// For any fields, Load returns faults inside the file or the output is Go. Mutations of
// fields get further than mutations of a whole file.
func FuzzFields(f *testing.F) {
	for _, fields := range []string{
		"A, B sup.Child[*W]", "A sup.Keyed[map[string]*db.Row, W[db.T, P]]", "A sup.Replicas[interface{ M(); ~int | db.T }] `sup:\"count=3\"`",
		"A *U; B *db.Tree `sup:\"\"`", "*db.Row; sync.Mutex; A [len(x.Y) + db.N]func(a, b int, c ...db.T) (d chan<- <-chan int)",
		"A sup.Child[struct{ a, b db.T `x`\nc int // comment\n}]", "A sup.Child[/* of */ *W /* that */] // and so on",
		"A kv.Context[string, struct{}]", "c, o, ctx, i, key sup.Child[c]", "Ünï sup.Child[*W]", "A (sup.Child[(*W)])",
		"A sup.Child[*db.T[*db.U, sup.Child[P]]]", "A sup.Child[\n*W,\n]", "A *T[int] `sup:\"-\"`; _ int", "A *U[P, [2]P, func(P) P]",
		"A sup.Child[`x`]", "A sup.Child[1.5]", "A sup.Child['x' + 1i]", "A struct{ sup.Child[*W] `sup:\"x\"` }",
		"A [3]sup.Child[*W]; B map[int]struct{ sup.Keyed[K, W] }; C *Loop", "Loop; A " + strings.Repeat("[]", 250) + "W", "A Name[P]; *Name[P]; B *Runner",
	} {
		f.Add(fields, "any")
	}
	f.Add("A sup.Child[P]", "interface{ ~[]db.T; sup.Worker }")
	f.Fuzz(func(t *testing.T, fields, constraint string) {
		pipeline(t, []byte("package a\n\nimport (\n\t\"example.com/db\"\n\t\"sync\"\n\n"+
			"\t\"github.com/espalier-go/espalier/kv\"\n\t\"github.com/espalier-go/espalier/sup\"\n)\n\n"+
			"var x db.T\n\ntype T[P "+constraint+"] struct {\n\tsup.Tree\n\t"+fields+"\n}\n\n"+
			"type U struct{ sup.Tree }\n\ntype Name[P any] = sup.Child[P]\n\ntype Loop struct{ *Loop; x []Loop }\n\n"+
			"type Runner struct{}\n\nfunc (*Runner) Run(ctx context.Context) error { return nil }\n"))
	})
}

func pipeline(t *testing.T, src []byte) {
	t.Helper()
	content, faults := generate(t, src)
	for _, fault := range faults {
		if fault.Pos.Line < 1 || fault.Pos.Column < 1 || fault.Pos.Offset > len(src) || fault.Message == "" {
			t.Fatalf("a fault outside the file: %+v", fault)
		}
		if strings.ContainsAny(fault.String(), "\n") {
			t.Fatalf("a fault of several lines: %q", fault)
		}
	}
	if content == nil {
		return
	}
	if _, err := parser.ParseFile(token.NewFileSet(), "sup_gen.go", content, parser.SkipObjectResolution); err != nil {
		t.Fatalf("%v\n%s", err, content)
	}
	formatted, err := format.Source(content)
	if err != nil || !bytes.Equal(formatted, content) {
		t.Fatalf("gofmt changes the output (%v):\n%s\nto\n%s", err, content, formatted)
	}
	if second, _ := generate(t, src); !bytes.Equal(second, content) {
		t.Fatalf("a second run gives\n%s\ninstead of\n%s", second, content)
	}
}

// generate returns the output for a file, or its faults.
func generate(t *testing.T, src []byte) ([]byte, []gen.Fault) {
	t.Helper()
	p, faults := gen.LoadFiles(map[string][]byte{"a.go": src})
	if len(faults) > 0 {
		return nil, faults
	}
	outputs, faults, err := p.Outputs()
	if err != nil {
		t.Fatal(err)
	}
	if len(outputs) == 0 {
		return nil, faults
	}
	return outputs[0].New, faults
}
