package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"failoverd/internal/site"
	"failoverd/status"
)

// orderPatience is how long an operator waits for a command.
const orderPatience = 60 * time.Second

// orders are the commands that operators give, by verb: the words of the command line before the server's name, and
// those after it.
func orders() map[string][2][]string {
	return map[string][2][]string{
		"suspend":   {{"suspend"}},
		"resume":    {{"resume"}},
		"failover":  {{"failover"}, {"--yes"}},
		"release":   {{"release"}, {"--yes"}},
		"failback":  {{"failback"}, {"--yes"}},
		"from-live": {{"replicate", "from-live"}, {"--yes"}},
		"to-live":   {{"replicate", "to-live"}, {"--yes"}},
		"rollback":  {{"replicate", "rollback"}, {"--yes"}},
		"drill":     {{"drill"}},
		"ack":       {{"ack"}},
		"discard":   {{"files", "discard-diverged"}, {"vm", "--yes"}},
	}
}

// playable says whether somebody knows how to play a step.
func playable(s Step) bool {
	if _, found := faults()[s.Verb]; found {
		return true
	}
	if _, found := orders()[s.Verb]; found {
		return true
	}
	return slices.Contains([]string{"home", "reload", "unconfirmed", "rest"}, s.Verb)
}

// order gives an order, and waits for its end.
func (c *company) order(ctx context.Context, d *Done) {
	ctx, cancel := context.WithTimeout(ctx, orderPatience)
	defer cancel()
	switch d.Step.Verb {
	case "home":
		d.Exit = -1
		if err := c.home(ctx, d); err != nil {
			d.Output = err.Error()
			return
		}
		d.Exit = 0
	case "reload":
		if err := c.editPriority(); err != nil {
			d.Error = err.Error()
			return
		}
		c.tell(ctx, d, "reload")
	case "unconfirmed":
		c.tell(ctx, d, strings.Fields(d.Step.Of)...)
	default:
		if d.Step.Verb == "to-live" || d.Step.Verb == "failback" {
			// Nobody exchanges a database while an application has it open.
			c.mu.Lock()
			err := c.stopOwn(ctx)
			c.mu.Unlock()
			if err != nil {
				d.Error = err.Error()
				return
			}
		}
		words := orders()[d.Step.Verb]
		c.tell(ctx, d, slices.Concat(words[0], []string{d.Step.Of}, words[1])...)
	}
}

// tell runs a command with the reason of its step, and notes how it ended.
func (c *company) tell(ctx context.Context, d *Done, words ...string) {
	out, code := c.CLI(ctx, append(words, "--reason", reasonOf(d.Number))...)
	d.Exit, d.Output = code, shortened(out)
}

// shortened is the beginning of a text and its end.
func shortened(text string) string {
	if len(text) <= 1200 {
		return text
	}
	return text[:400] + "\n…\n" + text[len(text)-800:]
}

// editPriority changes the configuration a little, as whoever edits it does: beside it, and then in its place.
func (c *company) editPriority() error {
	text, err := os.ReadFile(c.ConfigFile())
	if err != nil {
		return err
	}
	from, to := "priority: 10\n", "priority: 11\n"
	if !strings.Contains(string(text), from) {
		from, to = to, from
	}
	if err := os.WriteFile(c.ConfigFile()+".new", []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
		return err
	}
	return os.Rename(c.ConfigFile()+".new", c.ConfigFile())
}

// status and server ask the daemon; a server without an answer is empty.
func (c *company) status(ctx context.Context) (status.Snapshot, error) {
	client, err := c.API()
	if err != nil {
		return status.Snapshot{}, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return client.Status(ctx)
}

func (c *company) server(ctx context.Context, name string) status.Server {
	s, err := c.status(ctx)
	if err != nil {
		return status.Server{}
	}
	i := slices.IndexFunc(s.Servers, func(v status.Server) bool { return v.Name == name })
	if i < 0 {
		return status.Server{}
	}
	return s.Servers[i]
}

// home is what operators do who do it right: whatever has become of a server, its primary serves it in the end, with
// what was written meanwhile.
func (c *company) home(ctx context.Context, d *Done) error {
	name := d.Step.Of
	v := c.server(ctx, name)
	if v.Name == "" {
		return fmt.Errorf("the daemon does not answer")
	}
	if v.Mode != "active" {
		if err := c.demand(ctx, d, "resume", name); err != nil {
			return err
		}
	}
	if err := c.settled(ctx, "the operation to end", func() (bool, string) {
		v = c.server(ctx, name)
		return v.Operation == "" && v.Replication == "" && (v.Role == standingBy || v.Role == standingIn), v.Role
	}); err != nil {
		return err
	}
	if name == "crm" {
		return c.homeOfCRM(ctx, d, v)
	}
	if v.Role == standingIn {
		// The repaired primary comes up with neither its address nor its application.
		if err := c.prepare(ctx, "revive pbx"); err != nil {
			return err
		}
		if err := c.settled(ctx, "pbx to answer over its management address", func() (bool, string) {
			v := c.server(ctx, name)
			return slices.ContainsFunc(v.Paths, func(p status.Path) bool { return p.Address == managementAddress && p.Outcome == "answered" }), v.Summary
		}); err != nil {
			return err
		}
		return c.demand(ctx, d, "failback", name, "--yes")
	}
	if v.Diverged || len(v.Trees) == 1 && v.Trees[0].Diverged {
		// One that has its power back already may have come up without its address.
		if err := c.prepare(ctx, "return pbx"); err != nil {
			return err
		}
		c.mu.Lock()
		err := errors.Join(c.stopOwn(ctx), c.takeOwn())
		c.mu.Unlock()
		if err != nil {
			return err
		}
		if err := c.settled(ctx, "pbx to answer", func() (bool, string) {
			v := c.server(ctx, name)
			return v.State == wellStated, v.Summary
		}); err != nil {
			return err
		}
		if err := c.demand(ctx, d, "replicate", "to-live", name, "--yes"); err != nil {
			return err
		}
	}
	for _, act := range []string{"return pbx", "serve pbx", "start agent"} {
		if err := c.fault(ctx, step(0, act)); err != nil {
			return err
		}
	}
	return nil
}

// prepare has pbx be on, and without its address and its application if it is to be revived.
func (c *company) prepare(ctx context.Context, act string) error {
	for _, a := range []string{act, "start agent"} {
		if err := c.fault(ctx, step(0, a)); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if act != "revive pbx" || c.dark["pbx"] {
		return nil
	}
	return c.unserve(ctx)
}

// homeOfCRM releases crm, whose application is the primary's alone, and lets it come up.
func (c *company) homeOfCRM(ctx context.Context, d *Done, v status.Server) error {
	if v.Role == standingIn {
		if err := c.fault(ctx, step(0, "crash crm")); err != nil {
			return err
		}
		if err := c.demand(ctx, d, "release", "crm", "--yes"); err != nil {
			return err
		}
	}
	return c.fault(ctx, step(0, "return crm"))
}

// acceptable finds the words by which a refusal can be accepted.
var acceptable = regexp.MustCompile(`--accept ([a-z-]+)`) //nolint:gochecknoglobals // a compiled expression

// demand gives an order, and gives it again with the words that a refusal names, since that is what operators do.
func (c *company) demand(ctx context.Context, d *Done, words ...string) error {
	var accept []string
	for {
		more := slices.Clone(words)
		for _, word := range accept {
			more = append(more, "--accept", word)
		}
		out, code := c.CLI(ctx, append(more, "--reason", reasonOf(d.Number))...)
		if code == 0 {
			d.Accept = strings.Join(accept, " ")
			return nil
		}
		word := acceptable.FindStringSubmatch(out)
		if code != 5 || word == nil || slices.Contains(accept, word[1]) {
			return fmt.Errorf("failoverd %s: exit %d: %s", strings.Join(more, " "), code, shortened(out))
		}
		accept = append(accept, word[1])
	}
}

// working counts the stand-ins that run, by server.
func (c *company) working() (map[string]int, error) {
	pids, err := c.Standby.Processes()
	if err != nil {
		return nil, err
	}
	n := map[string]int{}
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue // it has ended meanwhile
		}
		words := strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
		for _, server := range []string{"pbx", "crm"} {
			if len(words) > 2 && !strings.HasSuffix(words[0], "sh") && slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "stand-in of "+server) }) {
				n[server]++
			}
		}
	}
	return n, nil
}

// look looks at everything at once.
func (c *company) look(ctx context.Context) (Rest, error) {
	r := Rest{At: time.Now(), Roomy: c.roomy(), Plugged: c.plugged()}
	s, err := c.status(ctx)
	if err != nil {
		return r, err
	}
	for _, p := range c.Standby.Addresses() {
		if a := p.Addr().String(); a == site.PBXAddress || a == site.CRMAddress {
			r.Held = append(r.Held, a)
		}
	}
	if r.Working, err = c.working(); err != nil {
		return r, err
	}
	r.Alive, r.Status = true, s
	return r, nil
}
