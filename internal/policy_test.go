// Package internal_test holds the rules of the house that no compiler checks: which room may import
// which, where C may stand, and which words no file may have.
package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rule says which rooms the non-test code of a room may import; a room may always import itself.
type rule struct {
	room string
	may  []string
}

// rooms lists every room's rule. The first entry of which a package is a part (equal or below)
// counts, so the narrower ones stand first.
var rooms = []rule{
	{"dsl", nil},
	{"nets", []string{"dsl"}},
	{"csrc", nil},
	{"cudnn/cuda", []string{"csrc/load", "internal/files"}},
	{"cudnn/nccl", []string{"csrc/load", "cudnn/cuda"}},
	{"cudnn/nvtx", nil},
	{"cudnn/cupti", []string{"csrc/load"}},
	{"cudnn/cudnntest", []string{"cudnn"}},
	{"cudnn", []string{"csrc/load", "cudnn/cuda", "internal/files"}},
	{"internal/files/filestest", []string{"internal/exhaustive", "internal/files"}},
	{"internal/files", nil},
	{"internal/rng", nil},
	{"internal/graph", []string{"dsl", "internal/rng", "internal/graph"}},
	{"internal/engine/ref", []string{"dsl", "internal/rng", "internal/graph", "internal/engine"}},
	{"internal/engine/cpu", []string{"dsl", "internal/rng", "internal/graph", "internal/engine", "csrc/cpu"}},
	{"internal/engine/gpu", []string{"dsl", "internal/files", "internal/rng", "internal/graph", "internal/engine", "cudnn", "csrc/cuda"}},
	{"internal/engine/parallel", []string{"internal/graph", "internal/engine"}},
	{"internal/engine/enginetest", []string{"dsl", "nets", "internal/rng", "internal/graph", "internal/engine", "internal/data", "internal/exhaustive"}},
	{"internal/exhaustive", nil},
	{"internal/golden", nil},
	{"internal/engine", []string{"dsl", "internal/rng", "internal/graph"}},
	{"internal/data", []string{"dsl", "internal/files", "internal/rng", "internal/engine"}},
	{"internal/report", []string{"dsl", "nets"}},
	{"internal/launch", nil},
	{"internal/gpustat", []string{"internal/files", "csrc/nvml"}},
	{"internal/profile", []string{"dsl", "internal/graph", "internal/engine", "internal/data", "internal/report"}},
	{"internal/train", []string{"dsl", "nets", "internal/files", "internal/rng", "internal/graph", "internal/engine", "internal/data", "internal/report"}},
	{"internal/experiment", []string{"dsl", "nets", "internal/files", "internal/graph", "internal/train"}},
	{"cmd", []string{"dsl", "nets", "internal", "csrc/cpu", "csrc/load", "cudnn/cuda", "cudnn/nccl"}},
	{"bench", []string{"dsl", "nets", "internal", "csrc"}},
}

// backends are the rooms that only cmd and bench may name.
var backends = []string{"internal/engine/ref", "internal/engine/cpu", "internal/engine/gpu"}

func TestImports(t *testing.T) {
	for _, f := range goFiles(t) {
		dir := path.Dir(f.name)
		if strings.HasSuffix(f.name, "_test.go") {
			continue
		}
		i := slices.IndexFunc(rooms, func(r rule) bool { return below(dir, r.room) })
		if i < 0 {
			t.Errorf("%s: no rule says what %s may import: add it to rooms", f.name, dir)
			continue
		}
		for _, spec := range f.ast.Imports {
			imp, ok := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), "shake/")
			if !ok || below(imp, rooms[i].room) && !slices.Contains(backends, imp) {
				continue
			}
			if !slices.ContainsFunc(rooms[i].may, func(r string) bool { return below(imp, r) }) {
				t.Errorf("%s: %s may not import %s", f.name, rooms[i].room, imp)
			}
			if slices.Contains(backends, imp) && !below(dir, "cmd") && !below(dir, "bench") {
				t.Errorf("%s: only cmd and bench may name the backend %s", f.name, imp)
			}
		}
	}
}

// TestGoldenIsForTests keeps the flag -update out of the program.
func TestGoldenIsForTests(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, spec := range f.ast.Imports {
			if strings.Trim(spec.Path.Value, `"`) == "shake/internal/golden" && !strings.HasSuffix(f.name, "_test.go") {
				t.Errorf("%s: only tests may import golden", f.name)
			}
		}
	}
}

// TestEmulatorIsForTests keeps the emulated card out of the program.
func TestEmulatorIsForTests(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, spec := range f.ast.Imports {
			imp := strings.TrimPrefix(strings.Trim(spec.Path.Value, `"`), "shake/")
			if below(imp, "csrc/emu") && !strings.HasSuffix(f.name, "_test.go") && !below(f.name, "csrc/emu") {
				t.Errorf("%s: only tests may import the emulator", f.name)
			}
		}
	}
}

// TestNoListener: nothing listens on the network unless a person asks for it, by starting several
// processes of a run with a launcher.
func TestNoListener(t *testing.T) {
	listens := regexp.MustCompile(`net\.Listen|\.ListenAndServe|http\.Serve\(|httptest\.`)
	for _, f := range goFiles(t) {
		if strings.HasSuffix(f.name, "_test.go") || below(f.name, "internal/launch") {
			continue
		}
		b, err := fs.ReadFile(tree(), f.name)
		if err != nil {
			t.Fatal(err)
		}
		if m := listens.FindString(string(b)); m != "" {
			t.Errorf("%s: %s opens a port", f.name, m)
		}
	}
}

func TestCgoOnlyWhereTheCIs(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, spec := range f.ast.Imports {
			if spec.Path.Value == `"C"` && !below(f.name, "csrc") && !below(f.name, "cudnn") {
				t.Errorf("%s: import \"C\" stands only under csrc and cudnn", f.name)
			}
		}
	}
}

// TestNVMLInOnePlace keeps go-nvml in its leaf: it turns off the linker's check for undefined names
// in its whole program, and csrc/nvml, which defines the names that it leaves undefined, must be
// beside it.
func TestNVMLInOnePlace(t *testing.T) {
	imports := map[string]bool{}
	for _, f := range goFiles(t) {
		for _, spec := range f.ast.Imports {
			imp := strings.Trim(spec.Path.Value, `"`)
			dir := path.Dir(f.name)
			if below(imp, "github.com/NVIDIA/go-nvml") && dir != "internal/gpustat" {
				t.Errorf("%s: only internal/gpustat may import go-nvml", f.name)
			}
			if dir == "internal/gpustat" {
				imports[imp] = true
			}
		}
	}
	if imports["github.com/NVIDIA/go-nvml/pkg/nvml"] && !imports["shake/csrc/nvml"] {
		t.Error("internal/gpustat imports go-nvml without csrc/nvml: its names stay undefined")
	}
}

func TestPackageComments(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range goFiles(t) {
		dir := path.Dir(f.name)
		documented[dir] = documented[dir] || f.ast.Doc != nil && len(f.ast.Doc.Text()) > 40
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no package comment that says what it is for", dir)
		}
	}
}

func TestRoomsHaveASubject(t *testing.T) {
	junk := regexp.MustCompile(`(^|/)(util|utils|helper|helpers|common|misc)(/|\.[a-z]+$)`)
	for _, name := range files(t) {
		if junk.MatchString(name) {
			t.Errorf("%s: a name that says nothing", name)
		}
	}
}

// TestPathsAreNoPatterns keeps filepath.Glob out: a folder of the user's may have brackets and
// stars in its name. fs.Glob over os.DirFS matches only names below a folder.
func TestPathsAreNoPatterns(t *testing.T) {
	for _, f := range goFiles(t) {
		if strings.HasSuffix(f.name, "_test.go") {
			continue
		}
		b, err := fs.ReadFile(tree(), f.name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "filepath.Glob(") {
			t.Errorf("%s: filepath.Glob takes the folder's own name for a pattern: read the folder, or use fs.Glob", f.name)
		}
	}
}

// TestNoPlaceOfOneMachine finds absolute paths below a person's or a machine's own folders, and
// marks of unfinished work.
func TestNoPlaceOfOneMachine(t *testing.T) {
	text := regexp.MustCompile(`(\.(go|c|cc|h|cu|md|toml|py|txtar|txt|sh|json|yml|cmake)|Makefile|CMakeLists\.txt|/run)$`)
	// Pieced together, so that this file passes its own test.
	places := regexp.MustCompile(`(^|[^A-Za-z0-9._/-])/(` + strings.Join([]string{"work", "farm", "root", "home", "Users"}, "|") + `)/`)
	marks := regexp.MustCompile(`\b(` + strings.Join([]string{"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"}, "|") + `)\b`)
	for _, name := range files(t) {
		if !text.MatchString(name) {
			continue
		}
		b, err := fs.ReadFile(tree(), name)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(string(b)) {
			n++
			if m := places.FindString(line); m != "" {
				t.Errorf("%s:%d: a path of one machine: %s", name, n, m)
			}
			if m := marks.FindString(line); m != "" {
				t.Errorf("%s:%d: a mark of unfinished work: %s", name, n, m)
			}
		}
	}
}

// TestCheckIsWhole: tests that make test leaves out run in make check, for every package, and
// .ci/run runs that.
func TestCheckIsWhole(t *testing.T) {
	for name, want := range map[string]string{
		"Makefile": `(?m)^check:.*\n(\t.*\n)*\tSHAKE_CHECK=1 \$\(GO\) test -timeout \d+m \$\(LONGEST\) \./\.\.\.$`,
		".ci/run":  `(?m)^step make check$`,
	} {
		if !regexp.MustCompile(want).MatchString(read(t, name)) {
			t.Errorf("%s has no line %q: exhaustive tests would run nowhere", name, want)
		}
	}
}

// below tells whether name is dir or stands below it.
func below(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// tree is the repository.
func tree() fs.FS { return os.DirFS("..") }

// files lists the repository's files, but for the ones that git ignores.
func files(t *testing.T) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(tree(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", ".venv", "bin", "build", "runs", "data"}, name) {
				return fs.SkipDir
			}
			return nil
		}
		names = append(names, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 10 {
		t.Fatalf("only %d files: is this the repository?", len(names))
	}
	return names
}

type goFile struct {
	name string
	ast  *ast.File
}

func goFiles(t *testing.T) []goFile {
	t.Helper()
	var out []goFile
	for _, name := range files(t) {
		if !strings.HasSuffix(name, ".go") || strings.Contains(name, "/testdata/") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), "../"+name, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, goFile{name, f})
	}
	return out
}
