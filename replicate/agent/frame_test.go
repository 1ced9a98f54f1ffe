package agent

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"strings"
	"testing"
)

func TestFramesAreBounded(t *testing.T) {
	var b bytes.Buffer
	if err := writeFrame(&b, Request{Service: strings.Repeat("x", maxFrame)}); err == nil || b.Len() > 0 {
		t.Errorf("an oversized frame was written: %v, %d bytes", err, b.Len())
	}
	want := Request{Protocol: 1, Service: "files", Directory: "/srv", Rules: Rules{Include: []Rule{{Directory: "a", Patterns: []string{"*.wav"}, Recursive: true}}}}
	if err := writeFrame(&b, want); err != nil {
		t.Fatal(err)
	}
	b.WriteString("the service's")
	var got Request
	if err := readFrame(&b, &got); err != nil || !reflect.DeepEqual(got, want) || b.String() != "the service's" {
		t.Errorf("%+v, %v; left %q", got, err, b.String())
	}
}

// FuzzRequest reads requests that nobody of ours has written: what is taken is bounded, comes back the same, and leaves
// alone what follows.
func FuzzRequest(f *testing.F) {
	for _, text := range []string{
		`{"protocol":1,"service":"hello"}`,
		`{"protocol":1,"service":"files","directory":"/srv","rules":{"include":[{"directory":"a","patterns":["*"],"recursive":true}],"fold_case":true}}`,
		`{"protocol":1e99}`, `[]`, `{"a":` + strings.Repeat("[", 1000), "\x00",
	} {
		f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...))
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		var request Request
		if err := readFrame(r, &request); err != nil {
			return
		}
		if used := len(data) - r.Len(); used != 4+int(binary.BigEndian.Uint32(data)) || used > 4+maxFrame {
			t.Fatalf("%d bytes were used", used)
		}
		var b bytes.Buffer
		if writeFrame(&b, request) != nil {
			return // escaped, it is longer than it may be
		}
		var again Request
		if err := readFrame(&b, &again); err != nil {
			t.Fatalf("%+v does not come back: %v", request, err)
		}
		// Rules that cannot be made ready are an error, and no panic.
		if _, err := request.Rules.compile(); err == nil {
			if _, err := again.Rules.compile(); err != nil {
				t.Errorf("the rules do not come back: %v", err)
			}
		}
	})
}
