package tdstest

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// A backup file is a row of sets, each of them: the magic, the head as JSON with its length before it, and the parts of
// the data: length, length unpacked, checksum, contents. A part of length 0 ends the set, with the checksum of all.

const backupMagic = "TDSTEST BACKUP 1\n"

// backupPart is how much data goes into one part.
const backupPart = 256 << 10

// longestHead is more than any head.
const longestHead = 1 << 20

// backupHead describes one set.
type backupHead struct {
	Database   string     `json:"database"`
	Server     string     `json:"server"`
	User       string     `json:"user"`
	Version    string     `json:"version"`
	Name       string     `json:"name"`
	Family     string     `json:"family"` // the identity of the database
	Fork       string     `json:"fork"`
	Recovery   string     `json:"recovery"`
	ReadOnly   bool       `json:"read_only"`
	SingleUser bool       `json:"single_user"`
	CopyOnly   bool       `json:"copy_only"`
	Checksums  bool       `json:"checksums"`
	Compressed bool       `json:"compressed"`
	FirstLSN   int64      `json:"first_lsn"`
	LastLSN    int64      `json:"last_lsn"`
	Created    time.Time  `json:"created"`
	Started    time.Time  `json:"started"`
	Finished   time.Time  `json:"finished"`
	Size       int64      `json:"size"` // of the data
	Files      []dataFile `json:"files"`
}

// backupRecord is what msdb keeps of a backup.
type backupRecord = backupHead

// setWriter writes one set.
type setWriter struct {
	w    io.Writer
	head backupHead
	all  uint32
}

func newSetWriter(w io.Writer, h backupHead) (*setWriter, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	b := binary.BigEndian.AppendUint32([]byte(backupMagic), uint32(len(text)))
	_, err = w.Write(append(b, text...))
	return &setWriter{w: w, head: h}, err
}

// part writes a part.
func (s *setWriter) part(data []byte) error {
	kept := data
	if s.head.Compressed {
		var packed bytes.Buffer
		z, err := flate.NewWriter(&packed, flate.BestSpeed)
		if err != nil {
			return err
		}
		if _, err := z.Write(data); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
		kept = packed.Bytes()
	}
	sum := uint32(0)
	if s.head.Checksums {
		sum = crc32.ChecksumIEEE(data)
		s.all = crc32.Update(s.all, crc32.IEEETable, data)
	}
	return s.put(kept, len(data), sum)
}

func (s *setWriter) put(kept []byte, unpacked int, sum uint32) error {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(kept)))
	b = binary.BigEndian.AppendUint32(b, uint32(unpacked))
	b = binary.BigEndian.AppendUint32(b, sum)
	_, err := s.w.Write(append(b, kept...))
	return err
}

// close ends the set.
func (s *setWriter) close() error { return s.put(nil, 0, s.all) }

// errNoBackup is a file that holds none, errDamaged one whose checksums say so.
var (
	errNoBackup = errors.New("no backup")
	errDamaged  = errors.New("damaged")
)

// setReader reads one set.
type setReader struct {
	r    io.Reader
	head backupHead
	all  uint32
}

// openSet reads the head of the next set. At the end of the file the error is io.EOF.
func openSet(r io.Reader) (*setReader, error) {
	start := make([]byte, len(backupMagic)+4)
	if n, err := io.ReadFull(r, start); err != nil {
		if n == 0 {
			return nil, io.EOF
		}
		return nil, errNoBackup
	}
	length := binary.BigEndian.Uint32(start[len(backupMagic):])
	if string(start[:len(backupMagic)]) != backupMagic || length > longestHead {
		return nil, errNoBackup
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, errNoBackup
	}
	s := &setReader{r: r}
	if err := json.Unmarshal(text, &s.head); err != nil {
		return nil, errNoBackup
	}
	return s, nil
}

// part reads the next part: io.EOF at the end of the set, io.ErrUnexpectedEOF where the file ends too early.
func (s *setReader) part() ([]byte, error) {
	var start [12]byte
	if _, err := io.ReadFull(s.r, start[:]); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	length, unpacked := binary.BigEndian.Uint32(start[:]), binary.BigEndian.Uint32(start[4:])
	sum := binary.BigEndian.Uint32(start[8:])
	if length == 0 {
		if s.head.Checksums && sum != s.all {
			return nil, errDamaged
		}
		return nil, io.EOF
	}
	if length > 2*backupPart || unpacked > backupPart {
		return nil, errDamaged
	}
	data := make([]byte, length)
	if _, err := io.ReadFull(s.r, data); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	if s.head.Compressed {
		plain := make([]byte, unpacked)
		if _, err := io.ReadFull(flate.NewReader(bytes.NewReader(data)), plain); err != nil {
			return nil, fmt.Errorf("%w: %v", errDamaged, err)
		}
		data = plain
	}
	if s.head.Checksums {
		if crc32.ChecksumIEEE(data) != sum {
			return nil, errDamaged
		}
		s.all = crc32.Update(s.all, crc32.IEEETable, data)
	}
	return data, nil
}

// skip goes to the end of the set.
func (s *setReader) skip() error {
	for {
		switch _, err := s.part(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
