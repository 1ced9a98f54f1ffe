package console

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The page names every one of its modules, so that a browser asks for all of them at once, and none that is not there. One that
// is not named is asked for only when the last of those that import it has come.
func TestModulesAreAskedForAtOnce(t *testing.T) {
	page, err := files.ReadFile("page/index.html")
	if err != nil {
		t.Fatal(err)
	}
	var scripts, modules []string // of either kind, by the page
	for _, m := range regexp.MustCompile(`<script src="([^"]+)"( type="module")?|<link rel="modulepreload" href="([^"]+)"`).FindAllStringSubmatch(string(page), -1) {
		switch {
		case m[3] != "":
			modules = append(modules, m[3])
		case m[2] != "":
			modules = append(modules, m[1])
		default:
			scripts = append(scripts, m[1])
		}
	}
	var there []string
	for at := range Parts() {
		if strings.HasSuffix(at, ".js") && !slices.Contains(scripts, at) {
			there = append(there, at)
		}
	}
	slices.Sort(modules)
	slices.Sort(there)
	if !slices.Equal(modules, there) {
		t.Errorf("the page names\n%q, the modules are\n%q", modules, there)
	}
}
