package house

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// emptyImporter gives every import an empty package: for the question who writes to a package's own variables, nothing
// from outside is needed, and the type checker bears the errors that follow.
type emptyImporter struct{}

func (emptyImporter) Import(p string) (*types.Package, error) {
	if p == "unsafe" {
		return types.Unsafe, nil
	}
	pkg := types.NewPackage(p, path.Base(p))
	pkg.MarkComplete()
	return pkg, errors.New("not looked at")
}

// globals returns what makes variables of a package change while it runs: a write to one, its address taken, a type
// that is made for changing (a mutex, say), and func init. A table that is only read is fine.
func globals(fset *token.FileSet, files []*ast.File) []string {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: emptyImporter{}, Error: func(error) {}}
	pkg, _ := config.Check("p", fset, files, info)

	// global returns the package's variable that an expression reaches into, nil if there is none.
	var global func(e ast.Expr) types.Object
	global = func(e ast.Expr) types.Object {
		switch e := e.(type) {
		case *ast.Ident:
			if v, ok := info.Uses[e].(*types.Var); ok && v.Parent() == pkg.Scope() {
				return v
			}
		case *ast.SelectorExpr:
			return global(e.X)
		case *ast.IndexExpr:
			return global(e.X)
		case *ast.StarExpr:
			return global(e.X)
		case *ast.ParenExpr:
			return global(e.X)
		}
		return nil
	}
	var out []string
	report := func(at ast.Node, format string, args ...any) {
		out = append(out, fmt.Sprintf("%v: %s", fset.Position(at.Pos()), fmt.Sprintf(format, args...)))
	}
	for _, file := range files {
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					report(d, "func init")
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.VAR && madeForChanging(v) {
						report(v, "variable %s of the package is made for changing", v.Names[0].Name)
					}
				}
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, e := range n.Lhs {
					if v := global(e); v != nil {
						report(n, "variable %s of the package is written", v.Name())
					}
				}
			case *ast.IncDecStmt:
				if v := global(n.X); v != nil {
					report(n, "variable %s of the package is written", v.Name())
				}
			case *ast.UnaryExpr:
				// The row of a table that is only read may be pointed to.
				_, row := n.X.(*ast.IndexExpr)
				if v := global(n.X); n.Op == token.AND && v != nil && !row {
					report(n, "the address of variable %s of the package is taken", v.Name())
				}
			case *ast.CallExpr:
				name, ok := n.Fun.(*ast.Ident)
				if ok && slices.Contains([]string{"delete", "clear", "close"}, name.Name) && len(n.Args) > 0 {
					if v := global(n.Args[0]); v != nil {
						report(n, "variable %s of the package is changed", v.Name())
					}
				}
			}
			return true
		})
	}
	return out
}

// madeForChanging says whether a variable's type is a channel, or one of sync or atomic.
func madeForChanging(v *ast.ValueSpec) bool {
	is := func(e ast.Expr) bool {
		if star, ok := e.(*ast.StarExpr); ok {
			e = star.X
		}
		if index, ok := e.(*ast.IndexExpr); ok {
			e = index.X // atomic.Pointer[T]
		}
		switch e := e.(type) {
		case *ast.ChanType:
			return true
		case *ast.SelectorExpr:
			from, ok := e.X.(*ast.Ident)
			return ok && (from.Name == "sync" || from.Name == "atomic")
		}
		return false
	}
	if is(v.Type) {
		return true
	}
	return slices.ContainsFunc(v.Values, func(e ast.Expr) bool {
		switch e := e.(type) {
		case *ast.CompositeLit:
			return is(e.Type)
		case *ast.CallExpr: // make(chan T), new(sync.Mutex), sync.OnceValue(f)
			return is(e.Fun) || len(e.Args) > 0 && is(e.Args[0])
		}
		return false
	})
}

func TestNoGlobals(t *testing.T) {
	fset := token.NewFileSet()
	packages := map[string][]*ast.File{}
	for _, s := range parseTree(t, fset) {
		// The parent of a test binary's own variables is the test; they are not looked at.
		if !s.test() {
			key := s.folder + " " + s.file.Name.Name
			packages[key] = append(packages[key], s.file)
		}
	}
	for _, files := range packages {
		for _, line := range globals(fset, files) {
			t.Error(line)
		}
	}
}

func TestNoGlobalsSeesThem(t *testing.T) {
	tests := map[string]struct {
		text  string
		found int
	}{
		"table":                {`var table = map[string]int{"a": 1}; func f() int { return table["a"] }`, 0},
		"row of a table":       {`var table = []int{1}; func f() *int { return &table[0] }`, 0},
		"sentinel":             {`import "errors"; var ErrX = errors.New("x"); func f() error { return ErrX }`, 0},
		"embedded":             {"import \"embed\"\n//go:embed a\nvar files embed.FS", 0},
		"local of that name":   {`var n = 1; func f() { n := 2; n++; _ = n }`, 0},
		"field of that name":   {`var n = 1; type t struct{ n int }; func (x *t) f() { x.n = 2 }`, 0},
		"constant":             {`const n = 1`, 0},
		"interface assertion":  {`type t struct{}; var _ interface{} = t{}`, 0},
		"written":              {`var n = 1; func f() { n = 2 }`, 1},
		"counted":              {`var n = 1; func f() { n++ }`, 1},
		"map written":          {`var m = map[string]int{}; func f() { m["a"] = 1 }`, 1},
		"field written":        {`import "net"; var d net.Dialer; func f() { d.Timeout = 1 }`, 1},
		"deleted from":         {`var m = map[string]int{}; func f() { delete(m, "a") }`, 1},
		"flag":                 {`import "flag"; var v bool; func f() { flag.BoolVar(&v, "v", false, "") }`, 1},
		"mutex":                {`import "sync"; var mu sync.Mutex`, 1},
		"once":                 {`import "sync"; var once = sync.OnceValue(func() int { return 1 })`, 1},
		"atomic":               {`import "sync/atomic"; var p atomic.Pointer[int]`, 1},
		"new mutex":            {`import "sync"; var mu = new(sync.Mutex)`, 1},
		"channel":              {`var done = make(chan struct{})`, 1},
		"channel by its type":  {`var done chan struct{}`, 1},
		"init":                 {`func init() {}`, 1},
		"method called init":   {`type t struct{}; func (t) init() {}`, 0},
		"closed":               {`import "x"; var c = x.C(); func f() { close(c) }`, 1},
		"pointee of parameter": {`var n = 1; func f(p *int) { *p = n }`, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fset := token.NewFileSet()
			s := parseText(t, fset, "a", "a.go", "package a\n"+tt.text)
			got := globals(fset, []*ast.File{s.file})
			if diff := cmp.Diff(tt.found, len(got)); diff != "" {
				t.Errorf("found (-want +got):\n%s\n%q", diff, got)
			}
		})
	}
}
