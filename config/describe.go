package config

import (
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Detection is the time from the last ping that was answered to the verdict
// after that many misses: the last of them is sent misses intervals later, and
// counts when its time-out has passed.
func (p Ping) Detection(misses int) time.Duration {
	return time.Duration(misses)*p.Interval + p.Timeout
}

// Describe prints in plain words what the configuration means. It prints no
// secret. Errors of w are the caller's: a buffered writer keeps them.
func (c *Config) Describe(w io.Writer) {
	c.describeStandby(w)
	c.describeIncidents(w)
	for _, s := range c.Servers {
		fmt.Fprintf(w, "\nServer %s (%s)\n", s.Name, s.Where)
		s.describeWatch(w)
		c.describeTakeover(w, s)
		c.describeData(w, s)
		fmt.Fprintf(w, "  %s.\n", c.told())
	}
	if len(c.Notices) > 0 {
		fmt.Fprintf(w, "\nTo know:\n")
		for _, n := range c.Notices {
			fmt.Fprintf(w, "  %s\n", n)
		}
	}
}

func (c *Config) describeStandby(w io.Writer) {
	s := c.Standby
	name := s.Name
	if name == "" {
		name = "(the host's name)"
	}
	link := "the interface of the default route"
	if s.Interface != "" {
		link = s.Interface
	}
	fmt.Fprintf(w, "Standby %s keeps its data in %s and takes addresses over on %s.\n", name, s.DataDir, link)
	fmt.Fprintf(w, "It watches %s and stands in for %s at a time.\n", count(len(c.Servers), "server"), count(s.Capacity, "of them", "of them"))
	switch {
	case s.DefaultWitness:
		fmt.Fprintf(w, "Witness: the default gateway. When neither it nor another server answers, nothing is taken over.\n")
	case len(s.Witnesses) == 0:
		fmt.Fprintf(w, "Witness: none. A standby whose own network is dead takes over all the same.\n")
	default:
		fmt.Fprintf(w, "Witnesses: %s. When none of them and no other server answers, nothing is taken over.\n", addrs(s.Witnesses))
	}
	if s.Settle > 0 {
		fmt.Fprintf(w, "For %s after boot or link-up nothing is decided.\n", brief(s.Settle))
	}
	fmt.Fprintf(w, "API: %s", c.API.Socket)
	if c.API.Listen.IsValid() {
		fmt.Fprintf(w, " and https://%s", c.API.Listen)
	}
	fmt.Fprintf(w, "\n")
	if c.API.PublicURL != "" {
		fmt.Fprintf(w, "Alerts link the console at %s.\n", c.API.PublicURL)
	}
	if e := c.Alerts.Email; e != nil {
		fmt.Fprintf(w, "Mail: by %s port %d (tls %s) from %s to %s", e.Host, e.Port, e.TLS, e.From, strings.Join(e.To, ", "))
		if e.Username != "" {
			fmt.Fprintf(w, ", as %s with the password from: %s", e.Username, e.Password.Source())
		}
		fmt.Fprintf(w, "%s\n", atLeast(e.Severity))
	}
	for _, h := range c.Alerts.Webhooks {
		fmt.Fprintf(w, "Webhook %s: posted to %s, signed with the secret from: %s%s\n", h.Name, h.host(), h.Secret.Source(), atLeast(h.Severity))
	}
	for _, a := range c.Alerts.Commands {
		fmt.Fprintf(w, "Command %s: %s takes alerts (at most %s)%s\n", a.Name, strings.Join(a.Command, " "), brief(a.Timeout), atLeast(a.Severity))
	}
	c.describeReceivers(w)
}

// describeIncidents says what happens to what nobody acknowledges, and who hears that failoverd lives.
func (c *Config) describeIncidents(w io.Writer) {
	if h := c.Alerts.Heartbeat; h != nil {
		fmt.Fprintf(w, "Heartbeat: %s %s every %s, as long as servers are watched.\n", h.Method, Webhook{URL: h.URL}.host(), brief(h.Every))
	}
	if !c.Alerts.Anybody() {
		return
	}
	for _, t := range c.Alerts.Templates {
		var parts []string
		if t.Subject != "" {
			parts = append(parts, "subject")
		}
		if t.File != "" {
			parts = append(parts, "text of "+t.File)
		}
		which := "of kind " + t.Kind
		if t.Kind == AnyKind {
			which = "of every other kind"
		}
		fmt.Fprintf(w, "Mails %s have your own %s.\n", which, strings.Join(parts, " and "))
	}
	if every := c.Alerts.RemindEvery; every > 0 {
		fmt.Fprintf(w, "Of an incident that nobody has acknowledged they are reminded every %s.\n", brief(every))
	}
	if every := c.Alerts.RemindSuspended; every > 0 {
		fmt.Fprintf(w, "Of a server that is suspended they are reminded every %s.\n", brief(every))
	}
	if e := c.Alerts.Escalation; e != nil {
		fmt.Fprintf(w, "What is critical and not acknowledged for %s is told to %s as well.\n", brief(e.After), strings.Join(e.To, ", "))
	}
}

// host is all of a webhook's address that is shown.
func (h Webhook) host() string {
	u, err := url.Parse(h.URL)
	if err != nil {
		return "a receiver"
	}
	return u.Scheme + "://" + u.Host
}

// atLeast says what goes somewhere, if that is not everything.
func atLeast(severity string) string {
	switch severity {
	case "none":
		return "; only what is escalated"
	case "warning":
		return "; warnings and worse"
	case "critical":
		return "; only what is critical"
	}
	return ""
}

func (s Server) describeWatch(w io.Writer) {
	p := s.Ping
	fmt.Fprintf(w, "  Pinged at %s every %s; a ping that is not answered within %s is a miss.\n", addrs(s.Addresses), brief(p.Interval), brief(p.Timeout))
	if len(s.Addresses) > 1 {
		fmt.Fprintf(w, "  It is missed only when all %d addresses are.\n", len(s.Addresses))
	}
	fmt.Fprintf(w, "  A warning is sent %s after the last answer (%s).\n", seconds(p.Detection(p.WarnAfter)), count(p.WarnAfter, "miss", "misses"))
	fmt.Fprintf(w, "  A failure is declared %s after the last answer (%s); %s (%s) after the standby host has rebooted.\n",
		seconds(p.Detection(p.FailAfter)), count(p.FailAfter, "miss", "misses"),
		seconds(p.Detection(p.FailAfterReboot)), count(p.FailAfterReboot, "miss", "misses"))
	for _, q := range s.Probes {
		effect := map[string]string{"info": "it is shown", "degraded": "the server is Suspect and an alert is sent, but nothing is taken over", "failure": "it counts as a failure of the server"}[q.Failure]
		fmt.Fprintf(w, "  Probe %s asks %s every %s; after %s %s.\n", q.Name, q.asks(s), brief(q.Interval), count(q.FailAfter, "failure"), effect)
	}
}

func (p Probe) asks(s Server) string {
	switch p.Kind {
	case "agent":
		return "the agent at " + s.Agent.Address.String()
	case "tcp":
		return "for a connection to " + p.TCP.String()
	case "http":
		return p.HTTP.asks()
	}
	return strings.Join(p.Command, " ")
}

func (h *HTTPCheck) asks() string {
	s := fmt.Sprintf("%s for status %d", h.URL, h.Status)
	if h.Body != "" {
		s += " and the text " + show(h.Body)
	}
	return s
}

func (c *Config) describeTakeover(w io.Writer, s Server) {
	t := s.Takeover
	if t.Mode == "manual" {
		fmt.Fprintf(w, "  After a failure the operator is asked: failoverd failover %s takes over.\n", s.Name)
	} else {
		fmt.Fprintf(w, "  After a failure the standby takes over by itself (priority %d).\n", s.Priority)
	}
	if t.Fence != nil {
		fmt.Fprintf(w, "  First %s makes sure that it is off (at most %s; if that fails: %s).\n", strings.Join(t.Fence.Command, " "), brief(t.Fence.Timeout), t.Fence.OnFailure)
	}
	if t.AssumeAddress {
		link := t.Interface
		if link == "" {
			link = c.Standby.Interface
		}
		if link == "" {
			link = "the interface of the default route"
		}
		held := "nothing is taken over"
		if t.OnConflict == "seize" {
			held = "it is taken all the same"
		}
		fmt.Fprintf(w, "  Taken over: %s on %s. When another host answers for it before, %s.\n", prefixes(t.ServiceAddresses), link, held)
		claim := map[string]string{"defend": "it is announced again", "yield": "the takeover ends", "alert": "only an alert is sent"}[t.OnClaim]
		fmt.Fprintf(w, "  When another host claims it later, %s.\n", claim)
	} else {
		fmt.Fprintf(w, "  No address is taken over: clients know the standby's own.\n")
	}
	t.Start.describe(w)
	if r := t.Ready; r != nil {
		asks := strings.Join(r.Command, " ")
		if r.TCP.IsValid() {
			asks = "a connection to " + r.TCP.String()
		} else if r.HTTP != nil {
			asks = r.HTTP.asks()
		}
		fmt.Fprintf(w, "  It serves when this is answered: %s (waited for %s).\n", asks, brief(r.Timeout))
	}
	undo := "what was done is undone"
	if t.OnFailure == "keep" {
		undo = "what was done is kept"
	}
	fmt.Fprintf(w, "  When a step fails, %s.\n", undo)
	if t.AutoRelease {
		fmt.Fprintf(w, "  It ends by itself %s after the primary answers again; data written meanwhile stays on the standby.\n", brief(t.ReleaseAfter))
	} else {
		fmt.Fprintf(w, "  It ends by order: %s.\n", s.wayBack())
	}
}

// wayBack is by which order a takeover ends: where there is data, the standby says then which of the two.
func (s Server) wayBack() string {
	if len(s.Databases)+len(s.Files) > 0 {
		return "failoverd failback " + s.Name + " with its data, or failoverd release " + s.Name
	}
	return "failoverd release " + s.Name
}

func (s StandIn) describe(w io.Writer) {
	switch {
	case len(s.Units) > 0:
		fmt.Fprintf(w, "  Started: %s (at most %s).\n", strings.Join(s.Units, ", "), brief(s.Timeout))
	case len(s.Command) > 0:
		fmt.Fprintf(w, "  Started: %s (at most %s).\n", strings.Join(s.Command, " "), brief(s.Timeout))
		if len(s.Stop) > 0 {
			fmt.Fprintf(w, "  Stopped: %s.\n", strings.Join(s.Stop, " "))
		}
	default:
		fmt.Fprintf(w, "  Nothing is started: only the address moves.\n")
	}
}

func (c *Config) describeData(w io.Writer, s Server) {
	for _, d := range s.Databases {
		when := "by order: failoverd replicate from-live " + s.Name
		if d.ReplicateDaily != "" {
			when = "daily at " + d.ReplicateDaily
		}
		way := ""
		if d.Primary.Agent != "" {
			way = fmt.Sprintf(", by the agent at %s (databases %s)", s.Agent.Address, d.Primary.Agent)
		}
		if b := d.Primary.Backups; b != nil && b.Agent != "" {
			way = fmt.Sprintf(", its backups in %s by the agent at %s (backups %s)", b.Server, s.Agent.Address, b.Agent)
		}
		fmt.Fprintf(w, "  Database %s (%s): copied to %s_%s, %s%s.\n", d.Name, d.Engine, s.Name, d.Name, when, way)
	}
	for _, f := range s.Files {
		f.describe(w)
	}
	fmt.Fprint(w, s.describeDrill())
}

func (f FileTree) describe(w io.Writer) {
	source := f.Source.Path + fmt.Sprintf(", looked at every %s", brief(f.ScanInterval))
	if f.Source.Agent != "" {
		source = f.Source.Agent + " by the agent"
	}
	trash := "what is deleted there is gone here as well"
	if f.Retention > 0 {
		trash = fmt.Sprintf("what is deleted there stays in the trash for %s", brief(f.Retention))
	}
	fmt.Fprintf(w, "  Files %s: %s, kept copied to %s; %s.\n", f.Name, source, f.Directory, trash)
	fmt.Fprintf(w, "  More than %d deletions that are more than %.0f %% of the files wait for you; %s of the disk are left free; out of date when it is %s behind.\n",
		f.Brake.Least, f.Brake.Share*100, inBytes(f.Reserve), brief(f.MaxLag))
	for _, b := range f.Bandwidth {
		fmt.Fprintf(w, "  From %s to %s at most %s a second.\n", b.From, b.To, inBytes(b.Limit))
	}
}

// inBytes prints a size in the largest unit that it is a whole number of.
func inBytes(n int64) string {
	for _, unit := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if size := powers[unit]; n >= size && n%size == 0 {
			return fmt.Sprintf("%d %s", n/size, unit)
		}
	}
	return fmt.Sprintf("%d B", n)
}

func (c *Config) told() string {
	told := "Nobody is mailed"
	if c.Alerts.Email != nil {
		told = "Mailed: " + strings.Join(c.Alerts.Email.To, ", ")
	}
	for _, h := range c.Alerts.Webhooks {
		told += ", webhook " + h.Name
	}
	for _, a := range c.Alerts.Commands {
		told += ", command " + a.Name
	}
	for _, r := range c.Alerts.SNMP {
		told += ", SNMP " + r.Name
	}
	for _, r := range c.Alerts.Syslog {
		told += ", syslog " + r.Name
	}
	return told
}

// seconds prints a duration in the unit in which people wait.
func seconds(d time.Duration) string {
	if d >= 2*time.Minute {
		return brief(d.Round(time.Second))
	}
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", d.Seconds()), "0"), ".") + " s"
}

// count puts the right form of a word behind a number.
func count(n int, forms ...string) string {
	word := forms[0]
	if n != 1 {
		if len(forms) > 1 {
			word = forms[1]
		} else {
			word += "s"
		}
	}
	return fmt.Sprintf("%d %s", n, word)
}

func addrs(all []netip.Addr) string {
	words := make([]string, len(all))
	for i, a := range all {
		words[i] = a.String()
	}
	return strings.Join(words, ", ")
}

func prefixes(all []netip.Prefix) string {
	words := make([]string, len(all))
	for i, p := range all {
		words[i] = p.String()
		if p.IsSingleIP() {
			words[i] = p.Addr().String()
		}
	}
	return strings.Join(words, ", ")
}
