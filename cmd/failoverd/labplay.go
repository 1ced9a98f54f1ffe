package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"failoverd/internal/lab"
	"failoverd/internal/site"
)

// playHelp is what one can do in a kept world.
const playHelp = `
  kill pbx | crm           cut its power              return pbx | crm    let it come back
  icmp pbx | crm           filter or pass its pings   unplug | plug       the standby's own cable
  user                     what the client saw        mail [N]            the mails, or one of them
  holders                  who holds which address    sh HOST             a shell on a host
  crash                    kill -9 the daemon         start               start it again
  status, explain pbx, failover crm, release pbx, events, …   any failoverd command
  quit

`

// play keeps the world and does what it is told.
func (t *teller) play(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, t.close()) }()
	opening, cancel := context.WithTimeout(ctx, 30*time.Second)
	err = t.open(opening)
	cancel()
	if err != nil {
		return err
	}
	fmt.Fprintf(t.p.out, `
From another terminal:
  failoverd --socket %s status
  nsenter -t %d --preserve-credentials -U -m -n ip netns     (as root: without -U and --preserve-credentials)
%s`, t.s.Socket(), os.Getpid(), playHelp)
	input := bufio.NewScanner(t.p.in)
	filtered := map[string]bool{}
	for {
		fmt.Fprint(t.p.out, "lab> ")
		if !input.Scan() || ctx.Err() != nil {
			fmt.Fprintln(t.p.out)
			return input.Err()
		}
		words := strings.Fields(input.Text())
		if len(words) == 0 {
			continue
		}
		if words[0] == "quit" || words[0] == "exit" {
			return nil
		}
		if err := t.do(ctx, words, filtered); err != nil {
			fmt.Fprintln(t.p.out, err)
		}
	}
}

// primary finds a primary by name.
func (t *teller) primary(words []string) (*site.Primary, error) {
	if len(words) == 2 && words[1] == "pbx" {
		return t.s.PBX, nil
	}
	if len(words) == 2 && words[1] == "crm" {
		return t.s.CRM, nil
	}
	return nil, fmt.Errorf("say which: %s pbx, or %s crm", words[0], words[0])
}

// do carries out one line.
func (t *teller) do(ctx context.Context, words []string, filtered map[string]bool) (err error) {
	switch words[0] {
	case "help", "?":
		fmt.Fprint(t.p.out, playHelp)
	case "kill", "return", "icmp":
		p, err := t.primary(words)
		if err != nil {
			return err
		}
		switch words[0] {
		case "kill":
			return p.Die()
		case "return":
			return p.Return()
		}
		filtered[p.Name] = !filtered[p.Name]
		fmt.Fprintf(t.p.out, "pings of %s are dropped: %t\n", p.Name, filtered[p.Name])
		return p.DropICMP(filtered[p.Name])
	case "unplug":
		return t.s.Standby.Unplug()
	case "plug":
		return t.s.Standby.Plug()
	case "user":
		for _, o := range t.user.Outages(50 * time.Millisecond) {
			fmt.Fprintf(t.p.out, "%s  no answer for %6d ms; before %q, after %q\n", o.From.Format("15:04:05.000"), o.Lasted().Milliseconds(), o.Before, o.After)
		}
	case "mail":
		return t.mail(words[1:])
	case "holders":
		for _, a := range []string{site.PBXAddress, site.CRMAddress} {
			fmt.Fprintf(t.p.out, "%s  %s\n", a, strings.Join(t.s.Holders(a), ", "))
		}
	case "sh":
		return t.shell(ctx, words[1:])
	case "crash":
		return t.daemon.Kill()
	case "start":
		select {
		case <-t.daemon.Exited():
			t.daemon, err = t.s.Start(ctx)
			return err
		default:
			return errors.New("it runs")
		}
	default:
		cmd := exec.CommandContext(ctx, "/proc/self/exe", append([]string{"--socket", t.s.Socket()}, words...)...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = t.p.in, t.p.out, t.p.err
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("(%w)", err)
		}
	}
	return nil
}

// mail lists the mails, or shows one.
func (t *teller) mail(words []string) error {
	letters := t.s.Inbox.Letters()
	if len(words) == 0 {
		for i, l := range letters {
			fmt.Fprintf(t.p.out, "%3d  %s  %s\n", i+1, l.At.Format("15:04:05"), l.Subject)
		}
		return nil
	}
	n := 0
	if _, err := fmt.Sscan(words[0], &n); err != nil || n < 1 || n > len(letters) {
		return fmt.Errorf("there are mails 1 to %d", len(letters))
	}
	fmt.Fprint(t.p.out, letters[n-1].Text())
	return nil
}

// shell runs a shell on a host.
func (t *teller) shell(ctx context.Context, words []string) error {
	hosts := t.s.World.Hosts()
	i := slices.IndexFunc(hosts, func(h *lab.Host) bool { return len(words) > 0 && h.Name == words[0] })
	if i < 0 {
		var names []string
		for _, h := range hosts {
			names = append(names, h.Name)
		}
		return fmt.Errorf("say on which host: %s", strings.Join(names, ", "))
	}
	cmd := hosts[i].Command(ctx, "sh")
	if len(words) > 1 {
		cmd = hosts[i].Command(ctx, "sh", "-c", strings.Join(words[1:], " "))
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.p.in, t.p.out, t.p.err
	return cmd.Run()
}
