package files

import (
	"os"
	"path/filepath"
	"testing"
)

// TestAfresh: what somebody else has written in a copy is put right, and without Afresh it is not even looked for.
func TestAfresh(t *testing.T) {
	b := newBed(t)
	b.write("a.wav", []byte("by the source"))
	b.openSource()
	b.openSink()
	b.connect()
	b.waitForCopy()
	b.disconnect()
	b.closeSink()
	stranger := func(name string) {
		b.must(os.WriteFile(filepath.Join(b.dst, name), []byte("by a stranger"), 0o644))
	}
	stranger("a.wav")
	stranger("b.wav")
	b.must(Afresh(b.dst))
	b.openSink()
	b.connect()
	b.waitForCopy()
	b.disconnect()
	if got, err := os.ReadFile(filepath.Join(b.dst, "a.wav")); err != nil || string(got) != "by the source" {
		t.Errorf("a.wav is %q, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(b.dst, "b.wav")); err == nil {
		t.Error("b.wav is still there")
	}
	b.must(Afresh(filepath.Join(b.dst, "nowhere")))
}
