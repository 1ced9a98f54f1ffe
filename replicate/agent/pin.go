package agent

import (
	"os"
	"time"
)

// pinFile is where the agent has its standby.
const pinFile = "standby"

// pin is the standby that an agent serves.
type pin struct {
	Key    Key       `json:"key"`
	From   string    `json:"from"` // the address that it paired from, for people
	Paired time.Time `json:"paired_at"`
}

// Paired is the key of the standby that the agent below dir serves; there is none before a pairing.
func Paired(dir *os.Root) (key Key, there bool, err error) {
	var p pin
	there, err = readJSON(dir, pinFile, &p)
	return p.Key, there, err
}
