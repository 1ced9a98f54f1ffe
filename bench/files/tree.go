package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// perDirectory is how many files a directory of a tree has.
const perDirectory = 100

// makeTree makes files of least to most bytes that no compression makes smaller, under a directory.
func makeTree(dir string, files, least, most int, seed uint64) error {
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	size := rand.New(random)
	buffer := make([]byte, most)
	for i := range files {
		p := filepath.Join(dir, place(i))
		if i%perDirectory == 0 {
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				return err
			}
		}
		data := buffer[:least+size.IntN(most-least+1)]
		_, _ = random.Read(data) // never fails
		if err := os.WriteFile(p, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// place is where the i-th file of a tree is.
func place(i int) string {
	return fmt.Sprintf("%03d/%03d/f%02d", i/perDirectory/100, i/perDirectory%100, i%perDirectory)
}

// makeLarge makes one file.
func makeLarge(file string, size int64) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	random := rand.NewChaCha8([32]byte{1})
	buffer := make([]byte, 1<<20)
	for at := int64(0); at < size && err == nil; at += int64(len(buffer)) {
		_, _ = random.Read(buffer)
		_, err = f.Write(buffer[:min(int64(len(buffer)), size-at)])
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// page is what databases write at a time.
const page = 8 << 10

// change writes over a hundredth of a file's pages, in place and scattered.
func change(file string, size int64, seed uint64) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	random := rand.NewChaCha8([32]byte{2, byte(seed)})
	at := rand.New(random)
	buffer := make([]byte, page)
	for range size / page / 100 {
		_, _ = random.Read(buffer)
		if _, err = f.WriteAt(buffer, at.Int64N(size/page)*page); err != nil {
			break
		}
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// have counts the files of a copy that have come, by their names, of the first n of a tree.
func have(dir string, n int) int {
	found := 0
	for i := 0; i < n; i += perDirectory {
		names, err := readNames(filepath.Join(dir, filepath.Dir(place(i))))
		if err != nil {
			continue
		}
		for _, name := range names {
			if name[0] == 'f' {
				found++
			}
		}
	}
	return found
}

func readNames(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	names, err := d.Readdirnames(-1)
	if closed := d.Close(); err == nil {
		err = closed
	}
	return names, err
}
