package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"failoverd/internal/lab"
	"failoverd/internal/site"
)

// labCommand shows the main job for real, in network namespaces.
func (p *program) labCommand() *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "See a primary die and its service go on, in a world of your own",
		Long: `Builds a small company out of network namespaces: a switch, a gateway, a client,
a mail host, two primaries with a small service, and a standby on which this
very program runs as a daemon on a real configuration file. Then a primary dies.

Nothing outside these namespaces is touched, and no root is needed where user
namespaces are allowed. With --keep the world stays, and you play in it.`,
		Example: `  failoverd lab           the whole story, in a few seconds
  failoverd lab --keep    the same world, and you decide who dies`,
		Args: cobra.NoArgs,
		RunE: p.runner(func(ctx context.Context, _ []string) error {
			args := []string{"lab"}
			if keep {
				args = append(args, "--keep")
			}
			return p.lab(ctx, args, keep)
		}),
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the world up, with commands to play in it")
	return cmd
}

// labServiceCommand is the stand-in of the lab: a program that answers.
func (p *program) labServiceCommand() *cobra.Command {
	var at, answer string
	cmd := &cobra.Command{
		Use: "lab-service", Short: "The small service of the lab", Hidden: true, Args: cobra.NoArgs,
		RunE: p.runner(func(ctx context.Context, _ []string) error { return site.Run(ctx, at, answer) }),
	}
	cmd.Flags().StringVar(&at, "listen", "", "address and port")
	cmd.Flags().StringVar(&answer, "answer", "", "what it says")
	return cmd
}

// lab enters the namespaces, builds the world and tells the story in it.
func (p *program) lab(ctx context.Context, args []string, keep bool) (err error) {
	if missing := lab.Missing(); len(missing) > 0 {
		return fmt.Errorf("the lab cannot run here; missing:\n  %s", strings.Join(missing, "\n  "))
	}
	code, done, err := lab.Enter(args)
	if err != nil {
		return err
	}
	if done {
		if code != 0 {
			return answer(code)
		}
		return nil
	}
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	// The path of a unix socket has room for 107 bytes, so the world lives
	// near the root.
	dir, err := os.MkdirTemp("/tmp", "failoverd-lab-")
	if err != nil {
		return err
	}
	w, err := lab.Open(dir)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	defer func() { err = errors.Join(err, w.Close(), os.RemoveAll(dir)) }()
	s, err := site.New(w, dir, site.Options{Binary: binary, StandIn: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	t := &teller{p: p, s: s, began: time.Now()}
	if keep {
		return t.play(ctx)
	}
	return t.story(ctx)
}
