package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

const (
	invitationFile = "invitation"
	// InvitationLife is how long a code is good for.
	InvitationLife = 10 * time.Minute
	// maxAttempts is how many wrong proofs a code survives.
	maxAttempts = 5
)

// invitation is a code that waits to be used, as the agent remembers it: what is made of the code, and not the code.
type invitation struct {
	Secret   []byte    `json:"secret"`
	Made     time.Time `json:"made_at"`
	Expires  time.Time `json:"expires_at"`
	Attempts int       `json:"attempts"` // that were wrong, or were not ended
}

// Invite makes a code below the agent's data directory. The one before, if there is one, is void.
func Invite(dir *os.Root, now time.Time) (_ Code, err error) {
	code := NewCode()
	secret, err := code.secret()
	if err != nil {
		return Code{}, fmt.Errorf("make a code: %w", err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return Code{}, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	made := now.UTC().Truncate(time.Second)
	i := invitation{Secret: secret, Made: made, Expires: made.Add(InvitationLife)}
	if err := keepJSON(dir, invitationFile, i); err != nil {
		return Code{}, fmt.Errorf("remember the code: %w", err)
	}
	return code, nil
}

// valid says whether a code may be tried. A clock that was turned back makes it void, not everlasting.
func (i invitation) valid(now time.Time) bool {
	return i.Attempts < maxAttempts && !now.Before(i.Made) && now.Before(i.Expires)
}

// invited says whether somebody waits for a pairing.
func invited(dir *os.Root, now time.Time) (bool, error) {
	var i invitation
	there, err := readJSON(dir, invitationFile, &i)
	return there && i.valid(now), err
}

// redeem uses the code up, if check finds that the other side knows it, and pins the standby. Each attempt is counted on
// the disk before it is looked at, so that neither a crash nor many at once give one more.
func redeem(dir *os.Root, now time.Time, standby pin, check func(secret []byte) bool) (secret []byte, err error) {
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	var i invitation
	there, err := readJSON(dir, invitationFile, &i)
	if err != nil {
		return nil, err
	}
	if !there || !i.valid(now) {
		return nil, errors.Join(errNoCode(), void(dir))
	}
	i.Attempts++
	if err := keepJSON(dir, invitationFile, i); err != nil {
		return nil, fmt.Errorf("count the attempt: %w", err)
	}
	if !check(i.Secret) {
		if left := maxAttempts - i.Attempts; left > 0 {
			return nil, &Problem{WrongCode, fmt.Sprintf("the code is wrong; it may be tried %d more times", left)}
		}
		return nil, errors.Join(&Problem{WrongCode, fmt.Sprintf("the code is wrong, and void after %d attempts; run failoverd agent pair on the primary for another", maxAttempts)}, void(dir))
	}
	// Used first, then pinned: after a crash in between one pairs again, and no code was good twice.
	if err := void(dir); err != nil {
		return nil, fmt.Errorf("use the code up: %w", err)
	}
	if err := keepJSON(dir, pinFile, standby); err != nil {
		return nil, fmt.Errorf("pin the standby: %w", err)
	}
	return i.Secret, nil
}

// void takes the code away.
func void(dir *os.Root) error {
	if err := dir.Remove(invitationFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// errNoCode says that nobody waits for a pairing.
func errNoCode() *Problem {
	return &Problem{NoCode, "no code waits to be used: run failoverd agent pair on the primary, and use its code within " + InvitationLife.String()}
}
