package discovery

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// lookAtHost asks for the host's name and for what runs on it.
func (f *Found) lookAtHost() {
	var err error
	if f.Hostname, err = os.Hostname(); err != nil {
		f.miss("the host's name", err)
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		f.miss("the kernel", err)
	} else {
		f.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	text, err := readFile("/etc/os-release", 64<<10)
	if err != nil {
		text, err = readFile("/usr/lib/os-release", 64<<10)
	}
	if err != nil {
		f.miss("the operating system", err)
		return
	}
	f.OS = osName(text)
}

// osName finds the name for people in an os-release file (os-release(5)).
func osName(text []byte) string {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "PRETTY_NAME="); ok {
			return tidy(strings.Trim(value, `"'`))
		}
	}
	return ""
}

// readFile reads a file of the system, which may not be longer than most bytes.
func readFile(path string, most int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s is longer than %d bytes", path, most)
	}
	return b, err
}
