package internal_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBindingIsShown: every exported function and method of package cudnn is used in the body of an
// example or a test of its own, not only in code that tests share. So a search for the name finds
// how it is used.
func TestBindingIsShown(t *testing.T) {
	packages := compiled(t, "../cudnn")
	fset := token.NewFileSet()
	const variant = " [shake/cudnn.test]" // of a package that is compiled with the tests
	check := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if p, ok := packages[path+variant]; ok {
			return os.Open(p.Export)
		}
		return os.Open(packages[path].Export)
	})}
	exported, shown := map[string]bool{}, map[string]bool{}
	for _, name := range []string{"shake/cudnn", "shake/cudnn_test"} {
		p, ok := packages[name+variant]
		if !ok {
			t.Fatalf("go list has no package %q", name)
		}
		var syntax []*ast.File
		for _, f := range p.CompiledGoFiles {
			if !filepath.IsAbs(f) {
				f = filepath.Join(p.Dir, f)
			}
			file, err := parser.ParseFile(fset, f, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			syntax = append(syntax, file)
		}
		info := &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
		if _, err := check.Check(name, fset, syntax, info); err != nil {
			t.Fatal(err)
		}
		for _, file := range syntax {
			test := strings.HasSuffix(fset.Position(file.Pos()).Filename, "_test.go")
			for _, d := range file.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if owner := receiver(f); !test && f.Name.IsExported() && (owner == "" || ast.IsExported(owner)) {
					exported[info.Defs[f.Name].(*types.Func).FullName()] = true
				}
				if !test || !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Example") {
					continue
				}
				ast.Inspect(f, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok {
						if f, ok := info.Uses[id].(*types.Func); ok {
							shown[f.Origin().FullName()] = true
						}
					}
					return true
				})
			}
		}
	}
	if len(exported) < 50 {
		t.Fatalf("only %d exported functions in cudnn", len(exported))
	}
	for name := range exported {
		if !shown[name] {
			t.Errorf("%s is in no example and no test: write one into cudnn/methods_test.go, or delete the function", name)
		}
	}
}

// listed is a package as go list describes it.
type listed struct {
	ImportPath, Dir, Export string
	CompiledGoFiles         []string
}

// compiled returns the package of a folder, its tests' and all that they import, by import path.
func compiled(t *testing.T, folder string) map[string]listed {
	t.Helper()
	c := exec.Command("go", "list", "-test", "-deps", "-export", "-compiled", "-json=ImportPath,Dir,Export,CompiledGoFiles", ".")
	c.Dir, c.Stderr = folder, os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string]listed{}
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p listed
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
	return all
}

// receiver is the name of a method's type, or "".
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	t := f.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}
