package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"failoverd/replicate/agent/agentconfig"
	"failoverd/status"
)

// agentConfigCommand is `failoverd agent config`.
func (p *program) agentConfigCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Check the configuration of the agent",
		Long:    `Checks the configuration of the agent on this primary.`,
		Example: `  failoverd agent config check`,
	}
	return group(cmd, p.agentConfigCheckCommand(), p.agentConfigReferenceCommand())
}

// agentConfigReferenceCommand is `failoverd agent config reference`.
func (p *program) agentConfigReferenceCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reference",
		Short: "Print an agent's configuration that explains every key",
		Long: `Prints an annotated configuration of an agent with every key, its default and what
it means. It is a text to copy from, not a configuration to start with.`,
		Example: `  failoverd agent config reference | less`,
		Args:    names("", 0, 0),
		RunE: p.runner(func(context.Context, []string) error {
			if p.global.json {
				return p.document(map[string]string{"reference": string(agentconfig.Reference())})
			}
			_, err := p.out.Write(agentconfig.Reference())
			return err
		}),
	}
}

// agentConfigReport is what `agent config check --json` prints.
type agentConfigReport struct {
	File      string          `json:"file"`
	Valid     bool            `json:"valid"`
	Errors    []configProblem `json:"errors"`
	Trees     []string        `json:"trees"`
	Backups   []string        `json:"backups"`
	Databases []string        `json:"databases"`
}

// agentConfigCheckCommand is `failoverd agent config check`.
func (p *program) agentConfigCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check the agent's configuration and say what it grants",
		Long: `Reads an agent's configuration (` + agentconfig.DefaultFile + ` unless one is named)
and says in plain words what the standby may have of this host. Nothing is
changed.

All errors are shown at once, each with its file, line, key and what is
expected; the exit code is then 1.`,
		Example: `  failoverd agent config check
  failoverd agent config check ./agent.yaml && sudo systemctl restart failoverd-agent`,
		Args: names("FILE", 0, 1),
		RunE: p.runner(func(_ context.Context, args []string) error {
			file := agentconfig.DefaultFile
			if len(args) > 0 {
				file = args[0]
			}
			return p.checkAgentConfig(file)
		}),
	}
}

// checkAgentConfig reads a file and says what it means.
func (p *program) checkAgentConfig(file string) error {
	c, err := agentconfig.Load(file)
	wrong, known := errors.AsType[agentconfig.Errors](err)
	if err != nil && !known {
		return err
	}
	report := agentConfigReport{File: file, Valid: err == nil, Errors: []configProblem{}, Trees: []string{}, Backups: []string{}, Databases: []string{}}
	for _, w := range wrong {
		report.Errors = append(report.Errors, configProblem(w))
	}
	if err == nil {
		for _, t := range c.Trees {
			report.Trees = append(report.Trees, t.Directory)
		}
		for _, b := range c.Backups {
			report.Backups = append(report.Backups, b.Directory)
		}
		for _, d := range c.Databases {
			report.Databases = append(report.Databases, d.File)
		}
	}
	switch {
	case p.global.json:
		if err := p.document(report); err != nil {
			return err
		}
	case err == nil:
		p.describeAgent(c)
		fmt.Fprintln(p.out)
		line(p.out, "%s is valid.", file)
	default:
		for _, w := range wrong {
			line(p.err, "%s", w)
		}
	}
	if err == nil {
		return nil
	}
	return &failure{code: status.InvalidConfig, detail: fmt.Sprintf("%s has %s", file, count(len(wrong), "error", "errors"))}
}

// describeAgent says what a configuration grants.
func (p *program) describeAgent(c *agentconfig.Config) {
	line(p.out, "The agent %s listens on %s and keeps its key and pairing in %s.", c.Name, c.Listen, c.DataDir)
	if len(c.Trees) == 0 {
		line(p.out, "The standby may have no files of this host.")
	}
	for _, t := range c.Trees {
		back := "and not bring files back into it"
		if t.Writable {
			back = "and bring files back into it"
		}
		line(p.out, "Tree %s: the standby may copy %s, %s.", t.Name, t.Directory, back)
	}
	for _, b := range c.Backups {
		line(p.out, "Backups %s: the standby may make, read and remove backups of its own in %s, and see nothing else there.", b.Name, b.Directory)
	}
	for _, d := range c.Databases {
		line(p.out, "Database %s: the standby may have copies of %s made, in %s.", d.Name, d.File, filepath.Join(c.DataDir, "databases", d.Name))
	}
	if a := c.Application; a != nil {
		line(p.out, "Application: the standby may have %s started at the end of a failback, and see whether it runs.", nameOf(a))
	}
}
