package sqlserver

import (
	"context"
	"fmt"

	"failoverd/replicate/database"
)

// right is a permission, as HAS_PERMS_BY_NAME asks for it.
type right struct {
	name    string
	catalog string // "" for one of the whole server
}

func serverRight(name string) right { return right{name: name} }

// grant is the statement that gives it.
func (r right) grant(login string) string {
	if r.catalog == "" {
		return "USE master; GRANT " + r.name + " TO " + ident(login)
	}
	return "USE " + ident(r.catalog) + "; GRANT " + r.name + " TO " + ident(login)
}

// may asks whether the session's account has a right.
func (s *session) may(ctx context.Context, r right) (bool, error) {
	question := "SELECT HAS_PERMS_BY_NAME(NULL, NULL, " + quote(r.name) + ") AS [may]"
	if r.catalog != "" {
		question = "SELECT HAS_PERMS_BY_NAME(" + quote(ident(r.catalog)) + ", 'DATABASE', " + quote(r.name) + ") AS [may]"
	}
	answer, err := s.one(ctx, "ask for the right to "+r.name, question)
	if err != nil {
		return false, err
	}
	return answer.truth("may"), nil
}

// need is a right, and what does not work without it.
type need struct {
	right
	blocks bool
	why    string
}

// needs are the rights at the two ends of a copy.
func needs(source bool, catalog string) []need {
	if source {
		return []need{
			{right{"BACKUP DATABASE", catalog}, true, "no backup can be made"},
			{right{"VIEW DEFINITION", catalog}, true, "it cannot be told whether the copy is complete"},
			{right{"SELECT", catalog}, false, "it cannot be told what the catalog holds that the copy does not"},
			{serverRight("VIEW SERVER STATE"), false, "no progress is shown, and nobody knows who is connected"},
		}
	}
	return []need{
		{serverRight("CREATE ANY DATABASE"), true, "nothing can be restored"},
		{serverRight("ALTER ANY DATABASE"), true, "no copy can be put in service"},
		{serverRight("VIEW SERVER STATE"), false, "no progress is shown, and what was cancelled cannot be waited for"},
	}
}

// lacking lists the rights that an end's account lacks.
func (s *session) lacking(ctx context.Context, e database.End, login string, list []need) ([]database.Problem, error) {
	var problems []database.Problem
	for _, n := range list {
		has, err := s.may(ctx, n.right)
		if err != nil {
			return nil, err
		}
		if !has {
			problems = append(problems, database.Problem{
				Code: "missing-right", Blocks: n.blocks,
				Text:   fmt.Sprintf("the account %s at %s lacks %s: %s", login, e.Host, n.name, n.why),
				Remedy: n.grant(login),
			})
		}
	}
	return problems, nil
}
