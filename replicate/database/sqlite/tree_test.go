package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// counted counts the rows of a table, their numbers and their bytes.
type counted struct{ rows, numbers, bytes int64 }

func (c *counted) begin(number int64) { c.numbers += number }
func (c *counted) piece(bytes []byte) { c.bytes += int64(len(bytes)) }
func (c *counted) end() error         { c.rows++; return nil }

// grove makes a file whose tables have trees of all shapes, and says what SQLite counts in each.
func grove(t *testing.T, pageSize int) (file []byte, roots map[string]uint32, want map[string]counted) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "grove.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.Exec(fmt.Sprintf(`PRAGMA page_size = %d;
		CREATE TABLE empty (a);
		CREATE TABLE small (a, b);
		CREATE TABLE deep (id INTEGER PRIMARY KEY, a TEXT, b BLOB);
		CREATE TABLE long (a BLOB);
		CREATE TABLE keyed (a TEXT PRIMARY KEY, b BLOB) WITHOUT ROWID;
		INSERT INTO small VALUES (1, 'one'), (NULL, x'');
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
			INSERT INTO deep SELECT i * 37 - 100000, 'row ' || i, zeroblob(i %% 50) FROM n;
		WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
			INSERT INTO long SELECT zeroblob(i * i) FROM n;
		WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
			INSERT INTO keyed SELECT 'key ' || (i * 7919 %% 3001), zeroblob(i %% 500) FROM n;
		DELETE FROM deep WHERE id %% 5 = 0;`, pageSize))
	if err != nil {
		t.Fatal(err)
	}
	roots, want = map[string]uint32{}, map[string]counted{}
	for _, table := range []string{"empty", "small", "deep", "long", "keyed"} {
		var c counted
		var root uint32
		numbers := "coalesce(sum(rowid), 0)"
		if table == "keyed" {
			numbers = "0"
		}
		err := db.QueryRow(`SELECT (SELECT count(*) FROM `+table+`), (SELECT `+numbers+` FROM `+table+`),
			(SELECT coalesce(sum(payload), 0) FROM dbstat WHERE name = ?1 AND pagetype <> CASE ?1 WHEN 'keyed' THEN '' ELSE 'internal' END),
			(SELECT rootpage FROM sqlite_schema WHERE name = ?1)`, table).Scan(&c.rows, &c.numbers, &c.bytes, &root)
		if err != nil {
			t.Fatal(err)
		}
		roots[table], want[table] = root, c
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if file, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return file, roots, want
}

// treeOf reads pages out of a file in memory.
func treeOf(file []byte) (*tree, error) {
	size := int64(1)
	t, err := newTree(file, 0, func(page uint32, into []byte) error {
		copy(into, file[int64(page-1)*size:])
		return nil
	})
	if err != nil {
		return nil, err
	}
	size = int64(t.size)
	t.pages = uint32(int64(len(file)) / size)
	return t, nil
}

func TestTreeReadsWhatSQLiteReads(t *testing.T) {
	for _, size := range []int{512, 1024, 4096, 65536} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			file, roots, want := grove(t, size)
			tree, err := treeOf(file)
			if err != nil {
				t.Fatal(err)
			}
			if tree.size != size {
				t.Fatalf("a page has %d bytes, want %d", tree.size, size)
			}
			for table, root := range roots {
				var got counted
				if err := tree.walk(root, &got); err != nil {
					t.Fatalf("%s: %v", table, err)
				}
				if got != want[table] {
					t.Errorf("%s has %+v, want %+v", table, got, want[table])
				}
			}
		})
	}
}

// TestTreeEndsInDamage breaks files at random: a walk may find damage or not, but it comes to its end, without a panic.
func TestTreeEndsInDamage(t *testing.T) {
	whole, roots, _ := grove(t, 512)
	random := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 300 {
		file := append([]byte(nil), whole...)
		for range 200 {
			file[100+random.IntN(len(file)-100)] = byte(random.IntN(256))
		}
		tree, err := treeOf(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, root := range roots {
			var got counted
			if err := tree.walk(root, &got); err != nil {
				found++
				if !errors.Is(err, errDamaged) {
					t.Errorf("damage is called %v", err)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no damage was found")
	}
}

// TestTreeEndsWherePagesAreShared gives it pages of which each has the next one for its child, many times over: there
// are few pages, and more ways through them than anybody has time for.
func TestTreeEndsWherePagesAreShared(t *testing.T) {
	const size, cells, last = 512, 80, 8
	file, _, _ := grove(t, size)
	for n := 2; n <= last; n++ {
		page := file[(n-1)*size : n*size]
		clear(page)
		if page[0] = tableLeaf; n == last {
			break
		}
		page[0], page[4] = tableInterior, cells
		for i := range cells {
			page[12+2*i] = 1 // All of them are the cell in the middle of the page.
		}
		page[11], page[256+3] = byte(n+1), byte(n+1)
	}
	tree, err := treeOf(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.walk(2, &counted{}); !errors.Is(err, errDamaged) {
		t.Errorf("walk: %v", err)
	}
	if tree.seen > tree.pages+1 {
		t.Errorf("it read %d pages of %d", tree.seen, tree.pages)
	}
}
