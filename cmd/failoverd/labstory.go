package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"failoverd/internal/site"
	"failoverd/status"
)

// teller tells what happens in the lab while it happens.
type teller struct {
	p      *program
	s      *site.Site
	began  time.Time
	daemon *site.Daemon
	user   *site.User
}

// say prints one line of the story, with the seconds since it began.
func (t *teller) say(format string, args ...any) {
	fmt.Fprintf(t.p.out, "%6.2f s  %s\n", time.Since(t.began).Seconds(), fmt.Sprintf(format, args...))
}

// show prints what a command printed, as the reader would see it.
func (t *teller) show(ctx context.Context, args ...string) {
	out, code := t.s.CLI(ctx, args...)
	fmt.Fprintf(t.p.out, "\n  $ failoverd %s\n%s", strings.Join(args, " "), indent(out))
	if code != 0 {
		fmt.Fprintf(t.p.out, "  (exit code %d)\n", code)
	}
	fmt.Fprintln(t.p.out)
}

func indent(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString("  | " + line)
	}
	return out.String()
}

// open starts the daemon and the user, and waits until all is well.
func (t *teller) open(ctx context.Context) (err error) {
	t.say("built: gateway %s, standby %s, client %s, mail %s,", site.GatewayAddress, site.StandbyAddress, site.ClientAddress, site.MailAddress)
	t.say("       primaries pbx %s and crm %s, each with a small service", site.PBXAddress, site.CRMAddress)
	if t.daemon, err = t.s.Start(ctx); err != nil {
		return err
	}
	if t.user, err = site.NewUser(t.s.Client, site.PBXAddress); err != nil {
		return err
	}
	for _, name := range []string{"pbx", "crm"} {
		if _, err := t.s.WaitServer(ctx, name, "answering", func(v status.Server) bool { return v.LastAnswer != nil }); err != nil {
			return errors.Join(err, t.logged())
		}
	}
	if err := t.user.WaitServedBy(ctx, "primary"); err != nil {
		return err
	}
	t.say("failoverd runs on the standby, process %d, on %s", t.daemon.PID(), t.s.ConfigFile())
	t.say("API on the standby: unix socket %s; console: https://%s:8443/", t.s.Socket(), site.StandbyAddress)
	return nil
}

// logged is the end of the daemon's log, for a story that went wrong.
func (t *teller) logged() error {
	b, err := os.ReadFile(t.s.Log())
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return errors.New("the daemon's log ends with:\n" + strings.Join(lines[max(0, len(lines)-15):], "\n"))
}

func (t *teller) close() error {
	var errs []error
	if t.user != nil {
		errs = append(errs, t.user.Close())
	}
	if t.daemon != nil {
		select {
		case <-t.daemon.Exited():
		default:
			errs = append(errs, t.daemon.Stop())
		}
	}
	return errors.Join(errs...)
}

// story is the main job, once through: a primary dies, the standby stands in,
// the primary comes back, the standby gives the role back.
func (t *teller) story(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.open(ctx); err != nil {
		return err
	}
	t.show(ctx, "status")

	pbx := netip.MustParseAddr(site.PBXAddress)
	t.say("the client reaches pbx at %s, MAC address %s", pbx, t.s.Client.Neighbours()[pbx])
	t.say("pbx dies: its power is cut")
	died := time.Now()
	if err := t.s.PBX.Die(); err != nil {
		return err
	}
	if err := t.user.WaitServedBy(ctx, "stand-in"); err != nil {
		return errors.Join(err, t.logged())
	}
	if _, err := t.s.WaitState(ctx, "pbx", "Failure", "standing in"); err != nil {
		return err
	}
	for _, o := range t.user.Outages(50 * time.Millisecond) {
		t.say("the client had no answer for %d ms: before it %q answered, after it %q",
			o.Lasted().Milliseconds(), o.Before, o.After)
	}
	t.say("the client reaches pbx at %s, MAC address %s: the standby's is %s", pbx, t.s.Client.Neighbours()[pbx], t.s.Standby.MAC())
	if holders := t.s.Holders(site.PBXAddress); len(holders) > 0 {
		t.say("hosts with the address configured: %s (pbx is off the network)", strings.Join(holders, ", "))
	}
	letter, err := t.s.Inbox.Wait(ctx, "takeover.done")
	if err != nil {
		return errors.Join(err, t.logged())
	}
	t.say("a mail came %.1f s after the primary's death:", letter.At.Sub(died).Seconds())
	fmt.Fprintf(t.p.out, "\n  From: %s\n  To: %s\n  Subject: %s\n\n%s\n", letter.Header.Get("From"), strings.Join(letter.To, ", "), letter.Subject, indent(letter.Text()))
	t.show(ctx, "status")
	t.show(ctx, "explain", "pbx")

	if err := t.back(ctx); err != nil {
		return errors.Join(err, t.logged())
	}
	t.show(ctx, "status")
	t.show(ctx, "events", "--server", "pbx")
	kinds := map[string]int{}
	for _, l := range t.s.Inbox.Letters() {
		kinds[l.Header.Get("X-Failoverd-Event")]++
	}
	t.say("%d mails came in all, one thread for the outage: %v", len(t.s.Inbox.Letters()), kinds)
	if err := t.close(); err != nil {
		return err
	}
	t.daemon, t.user = nil, nil
	t.say("the daemon has stopped; everything is taken down. Play yourself: failoverd lab --keep")
	return nil
}

// back is the way back: the primary is repaired but still off the network, the
// operator releases, the primary comes up and serves.
func (t *teller) back(ctx context.Context) error {
	t.say("pbx is repaired. The operator releases, then lets it come up")
	out, code := t.s.CLI(ctx, "release", "pbx", "--yes", "--reason", "repaired")
	fmt.Fprintf(t.p.out, "\n  $ failoverd release pbx --yes --reason repaired\n%s\n", indent(out))
	if code != 0 {
		return fmt.Errorf("the release ended with exit code %d", code)
	}
	if holders := t.s.Holders(site.PBXAddress); len(holders) != 1 {
		return fmt.Errorf("after the release the address is on: %v", holders)
	}
	if err := t.s.PBX.Return(); err != nil {
		return err
	}
	if _, err := t.s.WaitState(ctx, "pbx", "OK", "standing by"); err != nil {
		return err
	}
	if err := t.s.PBX.Speak(ctx); err != nil {
		return err
	}
	if err := t.user.WaitServedBy(ctx, "primary"); err != nil {
		return err
	}
	t.say("pbx answers again and serves its users")
	_, err := t.s.Inbox.Wait(ctx, "server.answering")
	return err
}
