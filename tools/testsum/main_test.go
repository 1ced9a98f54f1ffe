package main

import (
	"strings"
	"testing"
)

const (
	passes = `{"Action":"output","Package":"p","Test":"TestA","Output":"chatter {\"Action\":\"fail\"}\n"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.1}
{"Action":"pass","Package":"p","Elapsed":0.2}
`
	fails = `{"Action":"output","Package":"q","Test":"TestB","Output":"why\n"}
{"Action":"fail","Package":"q","Test":"TestB"}
{"Action":"fail","Package":"q"}
`
	skips = `{"Action":"output","Package":"q","Test":"TestC","Output":"no lab\n"}
{"Action":"skip","Package":"q","Test":"TestC"}
`
	slow = `{"Action":"pass","Package":"p","Test":"TestA/sub","Elapsed":50}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":51}
{"Action":"pass","Package":"p","Test":"TestB","Elapsed":3}
{"Action":"fail","Package":"p","Test":"TestC","Elapsed":61}
`
	broken = `{"ImportPath":"r","Action":"build-output","Output":"r.go:1: syntax error\n"}
{"ImportPath":"r","Action":"build-fail"}
{"Action":"output","Package":"r","Output":"FAIL\tr [build failed]\n"}
{"Action":"fail","Package":"r","FailedBuild":"r"}
`
)

func TestSummarize(t *testing.T) {
	tests := map[string]struct {
		in     string
		noSkip bool
		says   []string
		closes string
		fails  bool
	}{
		"all passed":      {passes, true, []string{"ok    p"}, "1 passed, 0 failed, 0 skipped", false},
		"one failed":      {passes + fails, false, []string{"FAIL  q TestB\nwhy\n"}, "1 passed, 1 failed, 0 skipped", true},
		"skip allowed":    {passes + skips, false, []string{"SKIP  q TestC\nno lab\n"}, "1 passed, 0 failed, 1 skipped", false},
		"skip forbidden":  {passes + skips, true, nil, "1 passed, 0 failed, 1 skipped", true},
		"does not build":  {passes + broken, false, []string{"syntax error", "[build failed]"}, "1 passed, 1 failed, 0 skipped", true},
		"some are slow":   {slow, false, []string{"slow    61.0 s  p TestC\nslow    51.0 s  p TestA\n3 passed"}, "3 passed, 1 failed, 0 skipped", true},
		"nothing was run": {"", false, nil, "0 passed, 0 failed, 0 skipped", true},
		"go itself fails": {"go: no such module\n", false, []string{"go: no such module"}, "0 passed, 0 failed, 0 skipped", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			err := summarize(strings.NewReader(tt.in), &out, tt.noSkip)
			if (err != nil) != tt.fails {
				t.Errorf("error: got %v, want one: %v", err, tt.fails)
			}
			for _, want := range append(tt.says, "\n"+tt.closes+"\n") {
				if !strings.Contains("\n"+out.String(), want) {
					t.Errorf("got:\n%s\nwant %q in it", out.String(), want)
				}
			}
			if strings.Contains(out.String(), "chatter") {
				t.Errorf("the output of a test that passed is shown:\n%s", out.String())
			}
		})
	}
}
