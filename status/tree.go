package status

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Tree is the standby's copy of one tree of a server's files.
type Tree struct {
	Name      string       `json:"name"`
	Source    string       `json:"source" doc:"The directory that is copied"`
	By        string       `json:"by" enum:"agent,path" doc:"Who looks at the source: the primary's agent, or the standby itself, which has it mounted"`
	Directory string       `json:"directory" doc:"Where the copy is on the standby"`
	State     string       `json:"state" enum:"current,copying,comparing,failing,resting,diverged" doc:"current: as its source; resting: not followed now, because the server is suspended, stopped, failed or taken over; diverged: the stand-in has written in it, and nothing comes from live"`
	Ailment   string       `json:"ailment" enum:",root,full,held,late" doc:"What needs a person: the source is another directory than it was, the disk has no room beside the reserve, deletions wait to be confirmed, out of date; empty if nothing does"`
	Problem   string       `json:"problem" doc:"What is wrong, empty if nothing is"`
	Connected bool         `json:"connected" doc:"A conversation with the source goes on"`
	Files     uint64       `json:"files" doc:"In the copy"`
	Bytes     uint64       `json:"source_bytes" doc:"Size of the source, 0 if that is not known here"`
	Received  uint64       `json:"received_bytes" doc:"What has travelled since failoverd has started"`
	Lag       *float64     `json:"lag_s" doc:"Age of the oldest change that the copy has not, null if it was never complete"`
	MaxLag    float64      `json:"max_lag_s" doc:"A copy that is further behind is out of date"`
	Synced    *time.Time   `json:"synced_at" doc:"The last instant at which the copy was as its source, null if it never was"`
	Changed   *time.Time   `json:"changed_at" doc:"When the copy last came further, null if it has not since failoverd has started"`
	Missing   int          `json:"missing" doc:"Paths that the source has and the copy has not"`
	Held      int          `json:"held_deletions" doc:"Deletions that wait to be confirmed"`
	Failed    []FailedPath `json:"failed" doc:"Paths that are not copied and why, the first hundred"`
	Diverged  bool         `json:"diverged" doc:"The stand-in has written in it: nothing comes from live until that was given up"`
	Limit     int64        `json:"limit" doc:"Bytes a second that the configuration allows at this time of day, 0 for no limit"`
}

// SetAside is what was set aside at the primary when files were brought back: what the standby never had.
type SetAside struct {
	Files []Aside `json:"files" nullable:"false" doc:"The last replication to live first"`
	Next  *string `json:"next" doc:"Give it as before to go on; null if there is no more"`
}

// AsidePlace is a place in that list: after this path of this set. The zero AsidePlace is before the first.
type AsidePlace struct {
	Set, Path string // the path need not be UTF-8
}

// String is the place as text, empty for the zero one.
func (p AsidePlace) String() string {
	if p == (AsidePlace{}) {
		return ""
	}
	return p.Set + "_" + hex.EncodeToString([]byte(p.Path))
}

// ParseAsidePlace reads such a text.
func ParseAsidePlace(text string) (AsidePlace, error) {
	if text == "" {
		return AsidePlace{}, nil
	}
	set, path, _ := strings.Cut(text, "_")
	raw, err := hex.DecodeString(path)
	if err != nil || set == "" || len(raw) == 0 {
		return AsidePlace{}, fmt.Errorf("%.80q is no place in a list of what was set aside", text)
	}
	return AsidePlace{set, string(raw)}, nil
}

// Aside is a file or link that was set aside.
type Aside struct {
	Set     string    `json:"set" doc:"When it was set aside: what was at one time is one set"`
	Path    string    `json:"path"`
	Reason  string    `json:"reason" doc:"Why the standby never had it"`
	Kind    string    `json:"kind" enum:"file,symbolic link"`
	Size    int64     `json:"bytes"`
	ModTime time.Time `json:"modified_at"`
}

// FailedPath is a path that is not copied.
type FailedPath struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}
