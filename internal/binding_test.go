package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"strings"
	"testing"
)

// TestBindingIsShown: every exported function and method of package cudnn is named in the body of
// an example or a test of its own, not only in code that tests share. So a search for the name
// finds how it is used.
func TestBindingIsShown(t *testing.T) {
	exported, shown := map[string]string{}, map[string]bool{}
	for _, name := range files(t) {
		if path.Dir(name) != "cudnn" || path.Ext(name) != ".go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), "../"+name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if !strings.HasSuffix(name, "_test.go") {
				if owner := receiver(f); f.Name.IsExported() && (owner == "" || ast.IsExported(owner)) {
					exported[strings.TrimPrefix(owner+"."+f.Name.Name, ".")] = f.Name.Name
				}
				continue
			}
			if !strings.HasPrefix(f.Name.Name, "Test") && !strings.HasPrefix(f.Name.Name, "Example") {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					shown[n.Sel.Name] = true
				case *ast.CallExpr: // in the package's own tests
					if id, ok := n.Fun.(*ast.Ident); ok {
						shown[id.Name] = true
					}
				}
				return true
			})
		}
	}
	if len(exported) < 50 {
		t.Fatalf("only %d exported functions in cudnn", len(exported))
	}
	for whole, name := range exported {
		if !shown[name] {
			t.Errorf("cudnn.%s is in no example and no test: write one into cudnn/methods_test.go, or delete the function", whole)
		}
	}
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
