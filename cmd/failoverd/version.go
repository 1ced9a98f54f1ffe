package main

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
)

// version is what the linker writes in (-X main.version=1.2.3). It
// is empty in a build without it.
var version string

// versionReport is what `version --json` prints.
type versionReport struct {
	Version  string  `json:"version"`
	Revision string  `json:"revision"`
	Go       string  `json:"go"`
	Platform string  `json:"platform"`
	Daemon   *string `json:"daemon"` // null: no daemon answers
}

// versionOf is the version of this binary.
func versionOf() versionReport {
	v := versionReport{Version: or(version, "development"), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
	}
	return v
}

// versionCommand is `failoverd version`.
func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "The version of this program, and of the daemon if one answers",
		Long: `Shows the version of this program and, if a daemon answers within two seconds, of
the daemon: after an upgrade, the running daemon is the old one until it is
restarted. A daemon that does not answer is no error here.`,
		Example: `  failoverd version --json | jq -r .version`,
		Args:    names("", 0, 0),
		RunE: p.runner(func(ctx context.Context, _ []string) error {
			client, err := p.connect()
			if err != nil {
				return err
			}
			v := versionOf()
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			if snapshot, err := client.Status(ctx); err == nil {
				v.Daemon = &snapshot.Standby.Version
			}
			if p.global.json {
				return p.document(v)
			}
			line(p.out, "failoverd %s, %s, %s", v.Version, v.Go, v.Platform)
			if v.Revision != "" {
				line(p.out, "revision %s", v.Revision)
			}
			switch {
			case v.Daemon == nil:
				line(p.out, "no daemon answers")
			case *v.Daemon != v.Version:
				line(p.out, "the daemon that runs is %s", *v.Daemon)
			}
			return nil
		}),
	}
}
