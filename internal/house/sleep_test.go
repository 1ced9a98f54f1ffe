package house

import (
	"go/ast"
	"go/token"
	"maps"
	"testing"
)

// sleeps returns the places where a file calls, or hands on, time.Sleep.
func sleeps(s source) []token.Pos {
	// The name under which the file knows package time.
	known := ""
	for i, imported := range s.imports() {
		if imported == "time" {
			known = "time"
			if name := s.file.Imports[i].Name; name != nil {
				known = name.Name
			}
		}
	}
	var out []token.Pos
	ast.Inspect(s.file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && known != "" && sel.Sel.Name == "Sleep" {
			if from, ok := sel.X.(*ast.Ident); ok && from.Name == known {
				out = append(out, n.Pos())
			}
		}
		return true
	})
	return out
}

// bubbles returns the names of the functions in a file that make a bubble for a function that they are given.
func bubbles(s source) map[string]bool {
	out := map[string]bool{}
	for _, decl := range s.file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Body != nil {
			ast.Inspect(f.Body, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && makesBubble(call, nil) {
					out[f.Name.Name] = true
				}
				return true
			})
		}
	}
	return out
}

// makesBubble says whether a call is one of synctest.Test, or of one of the helpers that call it.
func makesBubble(call *ast.CallExpr, helpers map[string]bool) bool {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return helpers[fun.Name]
	case *ast.SelectorExpr:
		from, ok := fun.X.(*ast.Ident)
		return ok && from.Name == "synctest" && fun.Sel.Name == "Test"
	}
	return false
}

// inBubble says whether a position is inside a call that makes a bubble, where a sleep takes no time and is exact.
func inBubble(s source, helpers map[string]bool, pos token.Pos) bool {
	found := false
	ast.Inspect(s.file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && call.Pos() <= pos && pos < call.End() && makesBubble(call, helpers) {
			found = true
		}
		return !found
	})
	return found
}

// TestNoSleepsInTests keeps tests from waiting for a time that happens to suffice. They wait for the thing itself, by
// a channel or a condition, or run in a bubble of testing/synctest, where a sleep is exact.
func TestNoSleepsInTests(t *testing.T) {
	fset := token.NewFileSet()
	tree := parseTree(t, fset)
	helpers := map[string]map[string]bool{} // by folder
	for _, s := range tree {
		if helpers[s.folder] == nil {
			helpers[s.folder] = map[string]bool{}
		}
		maps.Copy(helpers[s.folder], bubbles(s))
	}
	for _, s := range tree {
		if !s.test() {
			continue
		}
		for _, pos := range sleeps(s) {
			if !inBubble(s, helpers[s.folder], pos) {
				t.Errorf("%v: time.Sleep in a test", fset.Position(pos))
			}
		}
	}
}

func TestNoSleepsSeesThem(t *testing.T) {
	tests := map[string]struct {
		text string
		want int
	}{
		"sleeps":          {`import "time"; func f() { time.Sleep(1) }`, 1},
		"by another name": {`import clock "time"; func f() { clock.Sleep(1) }`, 1},
		"handed on":       {`import "time"; var wait = time.Sleep`, 1},
		"of another":      {`import "time"; type t struct{}; func (t) Sleep() {}; func f(x t) { x.Sleep(); _ = time.Now }`, 0},
		"in a bubble":     {`import ("time"; "testing/synctest"); func f() { synctest.Test(nil, func() { time.Sleep(1) }) }`, 0},
		"in a helper's":   {`import ("time"; "testing/synctest"); func b(x func()) { synctest.Test(nil, x) }; func f() { b(func() { time.Sleep(1) }) }`, 0},
		"beside a bubble": {`import ("time"; "testing/synctest"); func f() { synctest.Test(nil, nil); time.Sleep(1) }`, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := parseText(t, token.NewFileSet(), "a", "a_test.go", "package a\n"+tt.text)
			got := 0
			for _, pos := range sleeps(s) {
				if !inBubble(s, bubbles(s), pos) {
					got++
				}
			}
			if got != tt.want {
				t.Errorf("found %d, want %d", got, tt.want)
			}
		})
	}
}
