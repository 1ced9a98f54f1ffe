package sqlite

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseLock(t *testing.T) {
	tests := map[string]struct {
		line        string
		want        *lock // nil is none of ours
		writes, log bool
	}{
		"reader":          {"1: POSIX  ADVISORY  READ  812 fd:00:288 1073741826 1073742335", &lock{false, 812, "fd:00", 288, 1073741826, 1073742335}, false, false},
		"writer":          {"2: POSIX  ADVISORY  WRITE 812 fd:00:288 1073741825 1073741825", &lock{true, 812, "fd:00", 288, 1073741825, 1073741825}, true, false},
		"writer of a log": {"3: POSIX  ADVISORY  WRITE 812 fd:00:289 120 120", &lock{true, 812, "fd:00", 289, 120, 120}, false, true},
		"checkpointer":    {"3: POSIX  ADVISORY  WRITE 812 fd:00:289 121 121", &lock{true, 812, "fd:00", 289, 121, 121}, false, false},
		"whole file":      {"4: OFDLCK ADVISORY  WRITE -1 00:2e:7 0 EOF", &lock{true, -1, "00:2e", 7, 0, 1 << 63}, true, true},
		"waiting":         {"1: -> POSIX  ADVISORY  WRITE 813 fd:00:288 1073741825 1073741825", nil, false, false},
		"flock":           {"5: FLOCK  ADVISORY  WRITE 812 fd:00:288 0 EOF", nil, false, false},
		"nonsense":        {"POSIX", nil, false, false},
		"no number":       {"1: POSIX  ADVISORY  READ  812 fd:00:x 1 2", nil, false, false},
		"no device":       {"1: POSIX  ADVISORY  READ  812 288 1 2", nil, false, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l, ok := parseLock(tt.line)
			if ok != (tt.want != nil) {
				t.Fatalf("parseLock(%q) = %+v, %v", tt.line, l, ok)
			}
			if !ok {
				return
			}
			if diff := cmp.Diff(*tt.want, l, cmp.AllowUnexported(lock{})); diff != "" {
				t.Errorf("parseLock (-want +got):\n%s", diff)
			}
			if l.writesFile() != tt.writes || l.writesLog() != tt.log {
				t.Errorf("it writes: %v, to the log: %v", l.writesFile(), l.writesLog())
			}
		})
	}
}
