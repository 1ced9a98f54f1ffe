package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"failoverd/api"
	"failoverd/status"
)

// tokenCommand is `failoverd token`.
func (p *program) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Access for people and programs from elsewhere",
		Long: `Makes, lists and revokes the tokens by which people and programs reach the daemon
over the network. On the standby itself none is needed: the socket's rights
decide there. The first token for an administrator is made on the standby.

Roles: viewer reads; operator also suspends, stops, resumes, fails over and
releases; admin also has the tokens, the audit and the configuration.`,
		Example: `  failoverd token create grafana --role viewer --expires 365d
  failoverd token list
  failoverd token revoke grafana --reason "dashboard is gone"`,
	}
	return group(cmd, p.tokenCreateCommand(), p.tokenListCommand(), p.tokenRevokeCommand())
}

// tokenCreateCommand is `failoverd token create`.
func (p *program) tokenCreateCommand() *cobra.Command {
	var n api.NewToken
	var expires string
	cmd := &cobra.Command{
		Use:   "create NAME --role ROLE",
		Short: "Make a token and show its secret, this once",
		Long: `Makes a token. Its secret is shown this once and kept nowhere: only its hash is
stored. With --json the secret is in the key "secret".`,
		Example: `  failoverd token create grafana --role viewer --expires 365d
  failoverd token create shop-team --role operator --server SHOP
  failoverd token create deploy --role operator --json | jq -r .secret > token && chmod 600 token`,
		Args: names("NAME", 1, 1),
	}
	f := cmd.Flags()
	f.StringVar(&n.Role, "role", "", "`ROLE`: viewer, operator or admin")
	f.StringSliceVar(&n.Servers, "server", nil, "good for this `SERVER` only (may be repeated)")
	f.StringVar(&expires, "expires", "90d", "how long it is good for, `DAYS` such as 90d")
	f.StringVar(&n.Reason, "reason", "", "why, a `TEXT` for the history")
	cmd.RegisterFlagCompletionFunc("role", cobra.FixedCompletions([]cobra.Completion{"viewer", "operator", "admin"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RegisterFlagCompletionFunc("server", p.serverNames(true))
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		n.Name = args[0]
		switch api.Role(n.Role) {
		case api.Viewer, api.Operator, api.Admin:
		default:
			return usagef("--role %q: want viewer, operator or admin", n.Role)
		}
		d, err := parseDuration(expires)
		if err != nil || d < 24*time.Hour || d%(24*time.Hour) != 0 {
			return usagef("--expires %q: want whole days, such as 90d", expires)
		}
		n.Days = int(d / (24 * time.Hour))
		client, err := p.connect()
		if err != nil {
			return err
		}
		made, err := client.CreateToken(ctx, n)
		if err != nil {
			return err
		}
		if p.global.json {
			return p.document(made)
		}
		line(p.out, "Token %s, role %s, good until %s:", made.Name, made.Role, p.maybe(made.Expires, "revoked"))
		line(p.out, "  %s", made.Secret)
		line(p.out, "It is shown this once. To use it: FAILOVERD_TOKEN, or --token-file with --url.")
		return nil
	})
	return cmd
}

// tokenListCommand is `failoverd token list`.
func (p *program) tokenListCommand() *cobra.Command {
	var page pageFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "The tokens, without their secrets",
		Long: `Lists the tokens, the newest first, revoked and expired ones too, with the last
use of each.`,
		Example: `  failoverd token list`,
		Args:    names("", 0, 0),
	}
	page.add(cmd)
	cmd.RunE = p.runner(func(ctx context.Context, _ []string) error {
		q, err := page.query()
		if err != nil {
			return err
		}
		client, err := p.connect()
		if err != nil {
			return err
		}
		list, err := client.Tokens(ctx, q)
		if err != nil {
			return err
		}
		if p.global.json {
			return p.document(list)
		}
		if len(list.Tokens) == 0 {
			line(p.out, "No tokens yet.")
			return nil
		}
		t := table{}
		t.row("NAME", "ROLE", "SERVERS", "STATE", "BEGINS WITH", "EXPIRES", "LAST USED", "FROM", "ID")
		for _, v := range list.Tokens {
			t.row(v.Name, v.Role, or(joined(v.Servers), "all"), v.State, v.Prefix,
				p.maybe(v.Expires, "never"), p.maybe(v.LastUsed, "never"), v.LastFrom, v.ID)
		}
		t.write(p.out, p.colours())
		p.earlier("tokens", list.Next)
		return nil
	})
	return cmd
}

// tokenRevokeCommand is `failoverd token revoke`.
func (p *program) tokenRevokeCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:     "revoke NAME",
		Short:   "End a token at once",
		Long:    `Ends a token, named by its name or its identifier. Its event streams end too.`,
		Example: `  failoverd token revoke grafana --reason "dashboard is gone"`,
		Args:    names("NAME", 1, 1),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, a `TEXT` for the history")
	cmd.RunE = p.runner(func(ctx context.Context, args []string) error {
		client, err := p.connect()
		if err != nil {
			return err
		}
		tokens, err := allTokens(ctx, client)
		if err != nil {
			return err
		}
		id, err := tokenNamed(tokens, args[0])
		if err != nil {
			return err
		}
		revoked, err := client.RevokeToken(ctx, id, reason)
		if err != nil {
			return err
		}
		if p.global.json {
			return p.document(revoked)
		}
		line(p.out, "Token %s is revoked.", revoked.Name)
		return nil
	})
	return cmd
}

// allTokens are the tokens of all pages.
func allTokens(ctx context.Context, client *api.Client) ([]api.Token, error) {
	var all []api.Token
	q := api.Page{Limit: mostEvents}
	for {
		list, err := client.Tokens(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, list.Tokens...)
		if list.Next == nil {
			return all, nil
		}
		q.Before = *list.Next
	}
}

// tokenNamed finds a token by its identifier, or the one in force by its name:
// a name may have been used before.
func tokenNamed(tokens []api.Token, name string) (string, error) {
	found := ""
	for _, t := range tokens {
		if t.ID == name {
			return t.ID, nil
		}
		if t.Name == name && (found == "" || t.State == "valid") {
			found = t.ID
		}
	}
	if found == "" {
		return "", &failure{code: status.NotFound, detail: fmt.Sprintf("there is no token %s", name), try: "failoverd token list"}
	}
	return found, nil
}
