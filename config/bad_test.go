package config

import (
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the expected messages and docs/configuration.md anew; read the difference before committing")

// story is one broken configuration of testdata/bad. Its first line may be one
// of "#! shared" (readable by others), "#! networks LINK=PREFIX …" (what the
// host has) and "#! files" (further files follow, each after -- NAME --).
type story struct {
	sources  []Source
	networks map[string][]netip.Prefix
}

func readStory(t *testing.T, path string) story {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(data), "\n")
	main := Source{Name: "failoverd.yaml", Data: data, Shared: first == "#! shared"}
	s := story{sources: []Source{main}}
	if links, ok := strings.CutPrefix(first, "#! networks "); ok {
		s.networks = map[string][]netip.Prefix{}
		for _, f := range strings.Fields(links) {
			link, prefix, _ := strings.Cut(f, "=")
			s.networks[link] = append(s.networks[link], netip.MustParsePrefix(prefix))
		}
	}
	if first == "#! files" {
		s.sources = nil
		name, lines := "failoverd.yaml", []string{}
		end := func() {
			s.sources = append(s.sources, Source{Name: name, Data: []byte(strings.Join(lines, ""))})
		}
		for line := range strings.Lines(string(data)) {
			if next, ok := strings.CutPrefix(line, "-- "); ok {
				end()
				name, lines = strings.TrimSuffix(strings.TrimSpace(next), " --"), nil
				continue
			}
			lines = append(lines, line)
		}
		end()
	}
	return s
}

// Each broken file of testdata/bad gives exactly the messages that are written beside it: where, what is wrong, and
// what to write instead.
func TestBadFilesGiveTheMessageThatAPersonNeeds(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 60 {
		t.Fatalf("found %d broken files (%v), want at least 60", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			s := readStory(t, path)
			c, err := Parse(s.sources)
			if s.networks != nil {
				if err != nil {
					t.Fatalf("Parse: %v", err)
				}
				err = c.CheckNetworks("", s.networks)
			}
			var problems Errors
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("Parse accepted it: %v", err)
			}
			got := err.Error() + "\n"
			if strings.Contains(got, "hunter2") {
				t.Errorf("a message holds the secret:\n%s", got)
			}
			for _, p := range problems {
				if p.Expect == "" {
					t.Errorf("%s does not say what to write instead", p)
				}
			}
			wantFile := strings.TrimSuffix(path, ".yaml") + ".want"
			if *update {
				if err := os.WriteFile(wantFile, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(wantFile)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}
