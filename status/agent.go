package status

import "time"

// Agent is the failoverd agent on a primary, as the standby knows it.
type Agent struct {
	Server         string     `json:"server" doc:"Whose agent it is; empty if no server of the configuration has its address"`
	Address        string     `json:"address" doc:"Where it listens"`
	Paired         bool       `json:"paired" doc:"False: the server's configuration names it, and nobody has paired it"`
	Name           string     `json:"name" doc:"What it calls its host; empty before the pairing"`
	Fingerprint    string     `json:"fingerprint" doc:"SHA-256 of its key; empty before the pairing"`
	Version        string     `json:"version" doc:"Of its failoverd, as it said last"`
	VersionDiffers bool       `json:"version_differs" doc:"True if that is not this standby's version"`
	PairedAt       *time.Time `json:"paired_at"`
	HeardAt        *time.Time `json:"heard_at" doc:"When it last answered; null: not since the daemon started"`
}
