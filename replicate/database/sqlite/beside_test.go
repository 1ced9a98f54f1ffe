package sqlite

import (
	"testing"

	"failoverd/replicate/database"
)

// No file of a drill has a name that a file of the copies in service could have, or that clearing those away would take,
// however the data source names them.
func TestBeside(t *testing.T) {
	for dsn, want := range map[string]string{
		"/copies/":           "/copies/",
		"/copies/app.sqlite": "/copies/app__drill.sqlite",
		"/copies/app":        "/copies/app__drill",
		"/copies/.db":        "/copies/.db__drill",
	} {
		live := database.End{DSN: dsn, Catalog: "pbx_app"}
		drill := Beside(live)
		if drill.DSN != want || drill.Catalog != "pbx_app__drill" {
			t.Errorf("beside %s: %s in %s, want %s", dsn, drill.Catalog, drill.DSN, want)
		}
		of, by := placeOf(t, live), placeOf(t, drill)
		if of.dir != by.dir {
			t.Errorf("%s: in %s and in %s", dsn, of.dir, by.dir)
		}
		taken := map[string]bool{}
		for _, p := range []place{of, by} {
			n := database.NamesOf(p.live)
			for _, name := range []string{p.link(n.Live), p.link(n.Staging), p.link(n.Previous), p.generation("drill")} {
				if taken[name] {
					t.Errorf("%s: two files are called %s", dsn, name)
				}
				taken[name] = true
			}
		}
		if of.left(by.generation("drill")) || by.left(of.generation("drill")) {
			t.Errorf("%s: one takes the other's file for its own", dsn)
		}
	}
}

// placeOf is where an end has its files, without looking.
func placeOf(t *testing.T, e database.End) place {
	t.Helper()
	dir, base, ext, err := locate(e.DSN, e.Catalog)
	if err != nil {
		t.Fatal(err)
	}
	return place{dir: dir, live: e.Catalog, base: base, ext: ext}
}
