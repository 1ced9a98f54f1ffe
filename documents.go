// Package failoverd holds what people read about it, so that the program brings it along: the Internet may be part of the
// outage.
package failoverd

import "embed"

// Documents are the README, the list of changes, and everything in docs that is read.
//
//go:embed README.md CHANGELOG.md docs/*.md docs/*.png docs/*.json
var Documents embed.FS
