package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"failoverd/config"
	"failoverd/internal/netstate"
	"failoverd/status"
)

// defaultConfig is the configuration of a package.
const defaultConfig = "/etc/failoverd/failoverd.yaml"

// configCommand is `failoverd config`.
func (p *program) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Check the configuration, and set options",
		Long:    `Checks the configuration, and sets those of its keys that are options.`,
		Example: `  failoverd config check`,
	}
	return group(cmd, p.configCheckCommand(), p.configPreviewCommand(), p.configReferenceCommand(), p.configOptionsCommand(), p.configSetCommand(), p.configResetCommand())
}

// configReport is what `config check --json` prints.
type configReport struct {
	File    string          `json:"file"`
	Valid   bool            `json:"valid"`
	Errors  []configProblem `json:"errors"`
	Notices []configProblem `json:"notices"`
	Servers []string        `json:"servers"`
}

// configProblem is a problem of the configuration with the place where it is.
type configProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Key     string `json:"key"`
	Problem string `json:"problem"`
	Expect  string `json:"expect"`
}

// configReferenceCommand is `failoverd config reference`.
func (p *program) configReferenceCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reference",
		Short: "Print a configuration that shows and explains every key",
		Long: `Prints an annotated configuration file with every key, its default and what it
means. It is a text to copy from, not a configuration to start with.`,
		Example: `  failoverd config reference | less`,
		Args:    cobra.NoArgs,
		RunE: p.runner(func(context.Context, []string) error {
			if p.global.json {
				return p.document(map[string]string{"reference": string(config.Reference())})
			}
			_, err := p.out.Write(config.Reference())
			return err
		}),
	}
}

// configCheckCommand is `failoverd config check`.
func (p *program) configCheckCommand() *cobra.Command {
	var elsewhere bool
	cmd := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a configuration and say what it means",
		Long: `Reads a configuration file (` + defaultConfig + ` unless one is named)
and the files in servers.d beside it, and says in plain words what it means. No
daemon is needed and nothing is changed.

All errors are shown at once, each with its file, line, key and what is
expected; the exit code is then 1. Notices are no errors. Service addresses are
held against the networks of this host's interfaces, unless --elsewhere says
that the file is another host's.`,
		Example: `  failoverd config check
  failoverd config check ./failoverd.yaml && failoverd reload`,
		Args: names("FILE", 0, 1),
		RunE: p.runner(func(_ context.Context, args []string) error {
			file := defaultConfig
			if len(args) > 0 {
				file = args[0]
			}
			return p.checkConfig(file, elsewhere)
		}),
	}
	cmd.Flags().BoolVar(&elsewhere, "elsewhere", false, "the file is another host's: do not look at this host's interfaces")
	return cmd
}

// loadHere reads a configuration and, unless it is another host's, holds it
// against this host's interfaces.
func loadHere(file string, elsewhere bool) (*config.Config, error) {
	c, err := config.Load(file)
	if err == nil {
		err = usable(c)
	}
	if err != nil || elsewhere {
		return c, err
	}
	net, err := netstate.New(slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer net.Close()
	return c, fits(c, net.State())
}

// checkConfig reads a file and says what it means.
func (p *program) checkConfig(file string, elsewhere bool) error {
	c, err := loadHere(file, elsewhere)
	wrong, known := asConfigErrors(err)
	if err != nil && !known {
		return err
	}
	report := configReport{File: file, Valid: err == nil, Errors: problems(wrong), Notices: []configProblem{}, Servers: []string{}}
	if err == nil {
		report.Notices = problems(c.Notices)
		for _, s := range c.Servers {
			report.Servers = append(report.Servers, s.Name)
		}
	}
	if p.global.json {
		if err := p.document(report); err != nil {
			return err
		}
	} else if err == nil {
		c.Describe(p.out)
		fmt.Fprintln(p.out)
		line(p.out, "%s is valid.", file)
	}
	if err == nil {
		return nil
	}
	f := &failure{code: status.InvalidConfig, detail: fmt.Sprintf("%s has %s", file, count(len(wrong), "error", "errors"))}
	if !p.global.json {
		for _, w := range wrong {
			line(p.err, "%s", w)
		}
	}
	return f
}

// asConfigErrors finds the list of problems in an error.
func asConfigErrors(err error) (config.Errors, bool) {
	var list config.Errors
	if errors.As(err, &list) {
		return list, true
	}
	var pointer *config.Errors
	if errors.As(err, &pointer) {
		return *pointer, true
	}
	return nil, false
}

// problems are a configuration's problems as JSON has them.
func problems(found []config.Problem) []configProblem {
	all := make([]configProblem, 0, len(found))
	for _, v := range found {
		all = append(all, configProblem(v))
	}
	return all
}
