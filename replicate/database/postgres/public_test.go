package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPublicOfTheSuperuser copies a catalog whose schema public belongs to the superuser, as it does in every one that
// was made before PostgreSQL 15. The account of the target cannot give it to him; all else keeps its owner.
func TestPublicOfTheSuperuser(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	p := s.pair(t)
	must(t, s.administer(t.Context(), s.source, p.Source.Catalog, `
		ALTER SCHEMA public OWNER TO postgres;
		GRANT ALL ON SCHEMA public TO PUBLIC;`))
	s.app(t, p.Source, p.Source.Catalog, `
		CREATE TABLE "a SCHEMA - public b" (id integer PRIMARY KEY);
		CREATE SCHEMA other;
		CREATE TABLE other.things (id integer PRIMARY KEY);
		INSERT INTO other.things VALUES (1);`)
	snapshot, err := Engine{}.Copy(t.Context(), p, nil)
	must(t, err)
	_, err = Engine{}.Verify(t.Context(), p, snapshot)
	must(t, err)
	got := s.app(t, p.Target, p.Names.Staging, `
		SELECT relname, pg_get_userbyid(relowner) FROM pg_class WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'other'::regnamespace)
		UNION ALL SELECT 'other', pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'other'
		UNION ALL SELECT 'everybody makes in public', has_schema_privilege('reader', 'public', 'CREATE')::text ORDER BY 1`)
	want := [][]string{
		{"a SCHEMA - public b", "app"}, {"everybody makes in public", "true"}, {"other", "app"}, {"things", "app"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
}
