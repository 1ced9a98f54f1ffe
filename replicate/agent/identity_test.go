package agent

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestAnIdentityIsKept(t *testing.T) {
	dir := root(t)
	var mu sync.Mutex
	keys := map[Key]bool{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			i, err := OpenIdentity(dir)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			keys[i.Key()] = true
		})
	}
	all.Wait()
	if len(keys) != 1 {
		t.Errorf("%d keys", len(keys))
	}
	info, err := dir.Stat(identityFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for key := range keys {
		text, err := key.MarshalText()
		var back Key
		if err != nil || back.UnmarshalText(text) != nil || back != key {
			t.Errorf("%s does not come back: %v, %v", text, back, err)
		}
		if back.UnmarshalText(text[2:]) == nil || back.UnmarshalText([]byte(strings.Repeat("x", 64))) == nil {
			t.Error("what is no key is taken for one")
		}
		if f := key.Fingerprint(); len(f) != 95 || strings.Count(f, ":") != 31 {
			t.Errorf("fingerprint %s", f)
		}
	}
}

func TestAnIdentityThatProvesNothingIsRefused(t *testing.T) {
	for want, spoil := range map[string]func(path string) error{
		"can be read by others": func(path string) error { return os.Chmod(path, 0o640) },
		"holds no key":          func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) },
		"has more than":         func(path string) error { return os.WriteFile(path, make([]byte, maxKept+1), 0o600) },
		"escapes from parent": func(path string) error {
			other := filepath.Join(filepath.Dir(filepath.Dir(path)), "other")
			if err := os.Rename(path, other); err != nil {
				return err
			}
			return os.Symlink(other, path)
		},
	} {
		dir := root(t)
		if _, err := OpenIdentity(dir); err != nil {
			t.Fatal(err)
		}
		if err := spoil(filepath.Join(dir.Name(), identityFile)); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenIdentity(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
