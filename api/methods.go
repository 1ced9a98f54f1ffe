package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"failoverd/plan"
	"failoverd/replicate/agent/discovery"
	"failoverd/status"
)

// serverPath is where a server is found.
func serverPath(name string) string { return Base + "/servers/" + url.PathEscape(name) }

// Status is everything at one instant.
func (c *Client) Status(ctx context.Context) (status.Snapshot, error) {
	return get[status.Snapshot](ctx, c, Base+"/status", nil)
}

// Servers lists the servers.
func (c *Client) Servers(ctx context.Context) ([]status.Server, error) {
	l, err := get[ServerList](ctx, c, Base+"/servers", nil)
	return l.Servers, err
}

// Server is one server.
func (c *Client) Server(ctx context.Context, name string) (status.Server, error) {
	return get[status.Server](ctx, c, serverPath(name), nil)
}

// Readiness says whether a takeover would succeed now.
func (c *Client) Readiness(ctx context.Context, name string) (status.Readiness, error) {
	return get[status.Readiness](ctx, c, serverPath(name)+"/readiness", nil)
}

// Explain says why the last decision about a server was taken.
func (c *Client) Explain(ctx context.Context, name string) (status.Explanation, error) {
	return get[status.Explanation](ctx, c, serverPath(name)+"/explain", nil)
}

// Suspend takes a server out of the decision, until then or until it is
// resumed if until is zero.
func (c *Client) Suspend(ctx context.Context, name, reason string, until time.Time) (status.Server, error) {
	return post[status.Server](ctx, c, serverPath(name)+"/suspend", nil, wish(reason, until))
}

// Stop stops the monitoring of a server.
func (c *Client) Stop(ctx context.Context, name, reason string, until time.Time) (status.Server, error) {
	return post[status.Server](ctx, c, serverPath(name)+"/stop", nil, wish(reason, until))
}

// Resume takes a suspended or stopped server back.
func (c *Client) Resume(ctx context.Context, name, reason string) (status.Server, error) {
	return post[status.Server](ctx, c, serverPath(name)+"/resume", nil, Remark{Reason: reason})
}

// wish is the body of a suspension.
func wish(reason string, until time.Time) Wish {
	w := Wish{Reason: reason}
	if !until.IsZero() {
		w.Until = &until
	}
	return w
}

// Failover orders a takeover and returns the operation that was admitted.
func (c *Client) Failover(ctx context.Context, name, reason string, accept []string) (plan.Record, error) {
	return commission(ctx, c, serverPath(name)+"/failover", Decision{Reason: reason, Accept: accept})
}

// Release orders the role to be given back and returns the operation that was
// admitted.
func (c *Client) Release(ctx context.Context, name, reason string, accept []string) (plan.Record, error) {
	return commission(ctx, c, serverPath(name)+"/release", Decision{Reason: reason, Accept: accept})
}

// Handover orders data and role of a server that lives to be taken over, and returns the operation when it was admitted. Both
// hosts are asked before.
func (c *Client) Handover(ctx context.Context, name, reason string, accept []string) (plan.Record, error) {
	return commission(ctx, c.patient(), serverPath(name)+"/handover", Decision{Reason: reason, Accept: accept})
}

// Failback orders data and role to be given back, and returns the operation when it was admitted. Both hosts are asked
// before that: give ctx two minutes.
func (c *Client) Failback(ctx context.Context, name, reason string, accept []string) (plan.Record, error) {
	return commission(ctx, c.patient(), serverPath(name)+"/failback", Decision{Reason: reason, Accept: accept})
}

// Replicate orders an operation that moves data (its kind) and returns it when
// it was admitted. Databases are asked before that: give ctx two minutes.
func (c *Client) Replicate(ctx context.Context, name, kind, reason string, accept []string) (plan.Record, error) {
	return commission(ctx, c.patient(), serverPath(name)+"/"+url.PathEscape(kind), Decision{Reason: reason, Accept: accept})
}

// Drill rehearses a takeover of a server.
func (c *Client) Drill(ctx context.Context, name, reason string) (plan.Record, error) {
	return commission(ctx, c, serverPath(name)+"/"+status.Drill, Decision{Reason: reason})
}

// Replications lists the replications of a server, the newest first.
func (c *Client) Replications(ctx context.Context, name string, q Page) (OperationList, error) {
	return get[OperationList](ctx, c, serverPath(name)+"/replications", q.values())
}

// OrderFiles decides about one tree of a server's files; the order is ConfirmDeletions, AcceptSource or DiscardDiverged.
func (c *Client) OrderFiles(ctx context.Context, order, name, tree, reason string) (status.Server, error) {
	return post[status.Server](ctx, c, serverPath(name)+"/files/"+url.PathEscape(tree)+"/"+order, nil, Remark{Reason: reason})
}

// SetAside lists what was set aside at the primary when the files of a tree were brought back. Its agent is asked.
func (c *Client) SetAside(ctx context.Context, name, tree string, q AsidePage) (status.SetAside, error) {
	return get[status.SetAside](ctx, c.patient(), serverPath(name)+"/files/"+url.PathEscape(tree)+"/set-aside", query("before", q.Before, "limit", number(q.Limit)))
}

// RestoreAside puts something that was set aside into its place again.
func (c *Client) RestoreAside(ctx context.Context, name, tree string, what Restoring) (status.Server, error) {
	return post[status.Server](ctx, c.patient(), serverPath(name)+"/files/"+url.PathEscape(tree)+"/restore", nil, what)
}

// Preview shows what an operation of that kind would do. It changes nothing.
func (c *Client) Preview(ctx context.Context, name, kind string, accept []string) (status.Preview, error) {
	action := kind
	if kind == Takeover {
		action = "failover"
	}
	return post[status.Preview](ctx, c.patient(), serverPath(name)+"/"+url.PathEscape(action), url.Values{"dry_run": {"true"}}, Decision{Accept: accept})
}

// Operation is one operation.
func (c *Client) Operation(ctx context.Context, id string) (plan.Record, error) {
	return get[plan.Record](ctx, c, Base+"/operations/"+url.PathEscape(id), nil)
}

// Operations lists operations, the newest first. An empty server means all, an empty kind as well.
func (c *Client) Operations(ctx context.Context, server, kind string, q Page) (OperationList, error) {
	return get[OperationList](ctx, c, Base+"/operations", q.values("server", server, "kind", kind))
}

// Cancel asks an operation to stop and to undo what it did.
func (c *Client) Cancel(ctx context.Context, id, reason string) (plan.Record, error) {
	return post[plan.Record](ctx, c, Base+"/operations/"+url.PathEscape(id)+"/cancel", nil, Remark{Reason: reason})
}

// Events reads the history.
func (c *Client) Events(ctx context.Context, q EventQuery) (EventList, error) {
	return get[EventList](ctx, c, Base+"/events", q.values())
}

// Audit reads who did what, the newest first. Only Since, Before, Server, Kind
// and Limit of the query count.
func (c *Client) Audit(ctx context.Context, q EventQuery) (EventList, error) {
	return get[EventList](ctx, c, Base+"/audit", query("since", instant(q.Since), "before", number64(q.Before), "server", q.Server, "kind", q.Kind, "limit", number(q.Limit)))
}

// Probes reads round-trip times and losses. Zero values mean the last hour in
// steps of a minute.
func (c *Client) Probes(ctx context.Context, name string, from, to time.Time, step time.Duration) (ProbeHistory, error) {
	var s string
	if step > 0 {
		s = step.String()
	}
	return get[ProbeHistory](ctx, c, serverPath(name)+"/probes", query("from", instant(from), "to", instant(to), "step", s))
}

// Mails reads the delivery log, the newest first. A before of 0 means from the newest on, a limit of 0 means 100.
func (c *Client) Mails(ctx context.Context, server, state string, before int64, limit int) (MailList, error) {
	return get[MailList](ctx, c, Base+"/mails", query("server", server, "state", state, "before", number64(before), "limit", number(limit)))
}

// Incidents lists incidents, the newest first.
func (c *Client) Incidents(ctx context.Context, server string, open bool, q Page) (IncidentList, error) {
	return get[IncidentList](ctx, c, Base+"/incidents", q.values("server", server, "open", strconv.FormatBool(open)))
}

// Acknowledge says that the caller takes care of an incident.
func (c *Client) Acknowledge(ctx context.Context, id, reason string) (status.Incident, error) {
	return post[status.Incident](ctx, c, Base+"/incidents/"+url.PathEscape(id)+"/acknowledge", nil, Remark{Reason: reason})
}

// Reload has the configuration read again.
func (c *Client) Reload(ctx context.Context, reason string) (status.Reloaded, error) {
	return post[status.Reloaded](ctx, c, Base+"/reload", nil, Remark{Reason: reason})
}

// Test has whatever a server's configuration names asked once. It may take as long as the slowest does: give ctx two minutes.
func (c *Client) Test(ctx context.Context, name, reason string) (TestResult, error) {
	return post[TestResult](ctx, c.patient(), serverPath(name)+"/test", nil, Remark{Reason: reason})
}

// TestAlert has a real alert sent and returns the dialogue with each recipient's
// mail server. It may take as long as that server does: give ctx two minutes.
func (c *Client) TestAlert(ctx context.Context, reason string) ([]status.TestMail, error) {
	l, err := post[TestAlertResult](ctx, c.patient(), Base+"/test-alert", nil, Remark{Reason: reason})
	return l.Mails, err
}

// patient is a client for answers that wait for other servers.
func (c *Client) patient() *Client {
	patient := *c
	patient.timeout = max(c.timeout, slowAnswer)
	return &patient
}

// ConfigNotices is the configuration in force and what is to be said about it.
func (c *Client) ConfigNotices(ctx context.Context) (status.Config, error) {
	return get[status.Config](ctx, c, Base+"/config/notices", nil)
}

// Agents lists the agents on the primaries.
func (c *Client) Agents(ctx context.Context) (AgentList, error) {
	return get[AgentList](ctx, c, Base+"/agents", nil)
}

// PairAgent has the daemon pair with an agent. It waits for the agent: give ctx two minutes.
func (c *Client) PairAgent(ctx context.Context, n NewPairing) (status.Agent, error) {
	return post[status.Agent](ctx, c.patient(), Base+"/agents/pair", nil, n)
}

// Discover has the daemon ask a paired agent what there is on its host. It waits for the agent: give ctx two minutes.
func (c *Client) Discover(ctx context.Context, address string) (discovery.Found, error) {
	return post[discovery.Found](ctx, c.patient(), Base+"/agents/discover", nil, Discovery{Address: address})
}

// Tokens lists the tokens without their secrets, the newest first.
func (c *Client) Tokens(ctx context.Context, q Page) (TokenList, error) {
	return get[TokenList](ctx, c, Base+"/tokens", q.values())
}

// CreateToken makes a token. Its secret is in the answer and nowhere else.
func (c *Client) CreateToken(ctx context.Context, t NewToken) (CreatedToken, error) {
	return post[CreatedToken](ctx, c, Base+"/tokens", nil, t)
}

// RevokeToken ends a token at once. id is its identifier.
func (c *Client) RevokeToken(ctx context.Context, id, reason string) (Token, error) {
	return post[Token](ctx, c, Base+"/tokens/"+url.PathEscape(id)+"/revoke", nil, Remark{Reason: reason})
}

// query makes the parameters of a request from pairs of name and value. Empty
// values are left out.
func query(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

// number is the text of n, empty for 0.
func number(n int) string { return number64(int64(n)) }

// number64 is the text of n, empty for 0.
func number64(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// instant is the text of t, empty for the zero time.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

// ServerConfiguration is the file that says how a server is watched.
func (c *Client) ServerConfiguration(ctx context.Context, name string) (status.ServerConfiguration, error) {
	return get[status.ServerConfiguration](ctx, c, serverPath(name)+"/configuration", nil)
}

// AddServer adds a server by the text of its file. A dry run checks it and tries what it names: give ctx two minutes.
func (c *Client) AddServer(ctx context.Context, n NewServer, dryRun bool) (status.Configured, error) {
	return ask[status.Configured](ctx, c.patient(), http.MethodPost, Base+"/servers", dry(dryRun), n, nil)
}

// ChangeServer replaces the file of a server, whose text was of that revision when it was looked at.
func (c *Client) ChangeServer(ctx context.Context, name, revision string, text ServerText, dryRun bool) (status.Configured, error) {
	return ask[status.Configured](ctx, c.patient(), http.MethodPut, serverPath(name)+"/configuration", dry(dryRun), text, seen(revision))
}

// RemoveServer takes the file of a server away, whose text was of that revision when it was looked at.
func (c *Client) RemoveServer(ctx context.Context, name, revision, reason string, dryRun bool) (status.Configured, error) {
	q := dry(dryRun)
	if reason != "" {
		q.Set("reason", reason)
	}
	return ask[status.Configured](ctx, c, http.MethodDelete, serverPath(name), q, nil, seen(revision))
}

// dry asks for a dry run, or for none.
func dry(run bool) url.Values {
	if run {
		return url.Values{"dry_run": {"true"}}
	}
	return url.Values{}
}

// seen names what was looked at.
func seen(revision string) http.Header { return http.Header{"If-Match": {`"` + revision + `"`}} }

// Options are what may be set over the API, and what is written.
func (c *Client) Options(ctx context.Context) (status.Options, error) {
	return get[status.Options](ctx, c, Base+"/config/options", nil)
}

// ChangeOptions sets and resets options as they were looked at. A dry run sends a test mail to each recipient if it is to.
func (c *Client) ChangeOptions(ctx context.Context, revision string, changes OptionChanges, dryRun, testMail bool) (status.OptionsConfigured, error) {
	q := dry(dryRun)
	if testMail {
		q.Set("test_mail", "true")
	}
	return ask[status.OptionsConfigured](ctx, c.patient(), http.MethodPatch, Base+"/config/options", q, changes, seen(revision))
}
