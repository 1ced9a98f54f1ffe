package agent

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"strings"
)

// Code is the one-time code of a pairing: 80 bits, which nobody can try out while it is good for something.
type Code [10]byte

// alphabet is Crockford's: without I, L, O and U.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// codeForm is what a code looks like, for messages.
const codeForm = "16 letters and digits, such as 7K3M-Q2XV-0T9R-HB4C"

// NewCode makes a code.
func NewCode() Code {
	var c Code
	_, _ = rand.Read(c[:]) // never fails
	return c
}

// String is the code in groups of four.
func (c Code) String() string {
	text := base32.NewEncoding(alphabet).EncodeToString(c[:])
	return text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
}

// ParseCode reads a code as somebody has typed it: small letters, spaces, and the letters that look like digits.
func ParseCode(text string) (Code, error) {
	text = strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(strings.TrimSpace(text)))
	decoded, err := base32.NewEncoding(alphabet).DecodeString(text)
	if err != nil || len(decoded) != len(Code{}) {
		return Code{}, errors.New("this is no code: it has " + codeForm)
	}
	return Code(decoded), nil
}

// stretches makes each try cost something, to whoever has recorded a pairing.
const stretches = 10_000

// secret is the key that both sides make of the code.
func (c Code) secret() ([]byte, error) {
	return pbkdf2.Key(sha256.New, string(c[:]), []byte("failoverd pairing 1"), stretches, sha256.Size)
}
