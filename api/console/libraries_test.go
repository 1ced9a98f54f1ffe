package console

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is used of others is what the list says, to the byte, and each file of others is on the list.
func TestLibraries(t *testing.T) {
	list, err := os.ReadFile("libraries.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 6 {
			t.Fatalf("a line of %d words: %s", len(f), line)
		}
		text, err := os.ReadFile(f[4])
		if err != nil {
			t.Error(err)
			continue
		}
		if sum := fmt.Sprintf("%x", sha256.Sum256(text)); sum != f[5] {
			t.Errorf("%s has the checksum %s, the list says %s", f[4], sum, f[5])
		}
		listed[f[4]] = true
	}
	for _, dir := range []string{"page/vendor", "testdata"} {
		there, err := filepath.Glob(dir + "/*")
		if err != nil || len(there) == 0 {
			t.Fatalf("%s: %v, %v", dir, there, err)
		}
		for _, name := range there {
			if !listed[name] {
				t.Errorf("%s is not on the list", name)
			}
		}
	}
}

// The policy forbids what is inline, and none of the own files relies on it; nothing comes from elsewhere.
func TestOwnFilesKeepThePolicy(t *testing.T) {
	n := 0
	err := fs.WalkDir(files, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(name, "/vendor/") {
			return err
		}
		text, err := files.ReadFile(name)
		n++
		for _, bad := range []string{" style=", "innerHTML", "dangerouslySetInnerHTML", "eval(", "new Function", "onclick=", "javascript:", "document.write"} {
			if strings.Contains(string(text), bad) {
				t.Errorf("%s has %q", name, bad)
			}
		}
		for _, part := range strings.SplitAfter(string(text), "https://")[1:] {
			t.Errorf("%s speaks of https://%.30s", name, part)
		}
		return err
	})
	if err != nil || n < 10 {
		t.Errorf("%d files, %v", n, err)
	}
}
