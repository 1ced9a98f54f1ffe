package alerts

import (
	"errors"
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"failoverd/journal"
)

// anyKind is the kind of a template for every kind that has none of its own.
const anyKind = "*"

// Bounds of what a template may do. Whoever writes one is trusted; a slip must not hold up an alert all the same.
const (
	mostSubject = 200             // characters that a subject may have
	mostBody    = 64 << 10        // bytes that a body, or a text within it, may have
	mostRounds  = 10_000          // rounds of loops, and calls of templates
	mostTime    = 1 * time.Second // for one mail
)

// Template is what mails of one kind say instead of failoverd's own words.
type Template struct {
	Kind    string // or * for every kind that has none of its own
	Subject string // template of the subject; empty for failoverd's own
	Body    string // template of the text; empty for failoverd's own
}

// Templates are the templates of a configuration. Nil is none.
type Templates struct{ byKind map[string]parts }

// parts are the parsed templates of one kind; nil for failoverd's own words.
type parts struct{ subject, body *template.Template }

// TemplateError is what is wrong with a template.
type TemplateError struct {
	Part string // kind, subject or body
	Line int    // from 1
	Err  error
}

func (e *TemplateError) Error() string { return fmt.Sprintf("%s:%d: %v", e.Part, e.Line, e.Err) }
func (e *TemplateError) Unwrap() error { return e.Err }

// Told is what a template may say: what programs are told of an alert, and the subject that the mail would have.
type Told struct {
	Notification
	Subject string
}

// ParseTemplates makes templates of their texts. Those that cannot be parsed give TemplateErrors, joined.
func ParseTemplates(list []Template) (*Templates, error) {
	all := &Templates{byKind: map[string]parts{}}
	var wrong []error
	for _, t := range list {
		var p parts
		var err error
		if p.subject, err = parsed("subject", t.Subject); err != nil {
			wrong = append(wrong, err)
		}
		if p.body, err = parsed("body", t.Body); err != nil {
			wrong = append(wrong, err)
		}
		all.byKind[t.Kind] = p
	}
	return all, errors.Join(wrong...)
}

// CheckTemplate says what is wrong with a template: it is parsed, and executed with a sample of each kind that it is for.
func CheckTemplate(t Template) []*TemplateError {
	if t.Kind != anyKind && !knownKind(t.Kind) {
		return []*TemplateError{{Part: "kind", Line: 1, Err: fmt.Errorf("there is no kind of alert %q", t.Kind)}}
	}
	var wrong []*TemplateError
	for _, part := range []Template{{Kind: t.Kind, Subject: t.Subject}, {Kind: t.Kind, Body: t.Body}} {
		if err := tryTemplate(part); err != nil {
			wrong = append(wrong, err)
		}
	}
	return wrong
}

// tryTemplate gives the first thing that is wrong.
func tryTemplate(t Template) *TemplateError {
	all, err := ParseTemplates([]Template{t})
	for _, k := range kinds {
		if err != nil {
			break
		}
		if t.Kind != anyKind && t.Kind != k.Name {
			continue
		}
		for _, s := range []Story{Sample(k.Name), bare(k.Name)} {
			_, failed := all.apply(s, Compose(s))
			err = errors.Join(err, failed)
		}
	}
	var first *TemplateError
	if errors.As(err, &first) {
		return first
	}
	return nil
}

// knownKind tells whether there are alerts of that kind.
func knownKind(name string) bool { return KindOf(name).Runbook != "attention" }

// apply gives a mail the words of its kind's template. When these cannot be had, the mail has failoverd's own: an alert is
// never lost for its words.
func (t *Templates) apply(s Story, m Message) (Message, error) {
	if t == nil {
		return m, nil
	}
	p, found := t.byKind[s.Event.Kind]
	if !found {
		p = t.byKind[anyKind]
	}
	told, out := Told{m.Notification, strings.TrimPrefix(m.Subject, "Re: ")}, m
	if p.subject != nil {
		text, err := execute(p.subject, told)
		if text = shorten(clean(text), mostSubject); err == nil && text == "" {
			err = &TemplateError{Part: "subject", Line: 1, Err: errors.New("it gives an empty subject")}
		}
		if err != nil {
			return m, err
		}
		if out.Subject = text; s.follows() {
			out.Subject = "Re: " + text
		}
	}
	if p.body != nil {
		text, err := execute(p.body, told)
		if err == nil && strings.TrimSpace(text) == "" {
			err = &TemplateError{Part: "body", Line: 1, Err: errors.New("it gives an empty text")}
		}
		if err != nil {
			return m, err
		}
		out.Text, out.HTML = text, "" // The text is the whole mail: its HTML would say something else.
	}
	return out, nil
}

// parsed makes a template of a text, nil of none.
func parsed(part, text string) (*template.Template, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no template is nothing to execute
	}
	t, err := template.New(part).Funcs(bounded(nil)).Parse(text)
	if err != nil {
		return nil, placed(part, err)
	}
	tick := template.Must(template.New("tick").Funcs(bounded(nil)).Parse("{{tick}}")).Root.Nodes[0]
	for _, one := range t.Templates() {
		if one.Tree != nil && one.Root != nil {
			rounds(one.Root, tick)
			one.Root.Nodes = append([]parse.Node{tick.Copy()}, one.Root.Nodes...)
		}
	}
	return t, nil
}

// rounds has each round of every loop below a node counted.
func rounds(n parse.Node, tick parse.Node) {
	branch := func(b *parse.BranchNode) {
		rounds(b.List, tick)
		if b.ElseList != nil {
			rounds(b.ElseList, tick)
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, one := range n.Nodes {
			rounds(one, tick)
		}
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
		n.List.Nodes = append([]parse.Node{tick.Copy()}, n.List.Nodes...)
	}
}

// bounded are the functions of a template: those of text/template that make texts, within bounds, and the one that counts.
func bounded(tick func() (string, error)) template.FuncMap {
	within := func(s string) (string, error) {
		if len(s) > mostBody {
			return "", fmt.Errorf("a text of more than %d bytes", mostBody)
		}
		return s, nil
	}
	return template.FuncMap{
		"tick":     tick,
		"print":    func(a ...any) (string, error) { return within(fmt.Sprint(a...)) },
		"println":  func(a ...any) (string, error) { return within(fmt.Sprintln(a...)) },
		"printf":   func(format string, a ...any) (string, error) { return within(fmt.Sprintf(format, a...)) },
		"html":     func(a ...any) (string, error) { return within(html.EscapeString(fmt.Sprint(a...))) },
		"js":       func(a ...any) (string, error) { return within(template.JSEscaper(a...)) },
		"urlquery": func(a ...any) (string, error) { return within(template.URLQueryEscaper(a...)) },
	}
}

// execute gives what a template says, within bounds.
func execute(t *template.Template, told Told) (string, error) {
	part := t.Name()
	own, err := t.Clone()
	if err != nil {
		return "", placed(part, err)
	}
	began, count := time.Now(), 0
	own.Funcs(bounded(func() (string, error) {
		switch count++; {
		case count > mostRounds:
			return "", fmt.Errorf("more than %d rounds of loops", mostRounds)
		case time.Since(began) > mostTime:
			return "", fmt.Errorf("it takes longer than %s", mostTime)
		}
		return "", nil
	}))
	var b limited
	if err := own.Execute(&b, told); err != nil {
		return "", placed(part, err)
	}
	return b.String(), nil
}

// limited holds what is written, up to the most that a body may have.
type limited struct{ strings.Builder }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > mostBody {
		return 0, fmt.Errorf("it gives more than %d bytes", mostBody)
	}
	return l.Builder.Write(p)
}

// where matches what text/template says about a place: template: NAME:LINE:COLUMN: WHAT.
var where = regexp.MustCompile(`^template: [^:]*:(\d+)(?::\d+)?: `)

// placed takes the line out of an error of text/template.
func placed(part string, err error) *TemplateError {
	text, line := err.Error(), 1
	if found := where.FindStringSubmatch(text); found != nil {
		line, _ = strconv.Atoi(found[1])
		text = text[len(found[0]):]
	}
	return &TemplateError{Part: part, Line: max(line, 1), Err: errors.New(shorten(clean(text), mostWords))}
}

// Sample is a story as it could be told of a kind, to try templates with.
func Sample(kind string) Story {
	at := time.Date(2026, 8, 12, 2, 11, 32, 0, time.UTC)
	s := bare(kind)
	s.Console, s.Runbooks = "https://standby-1:8443", "https://standby-1:8443/docs/alerts"
	s.Event.Reason, s.Event.Evidence = "15 of 15 pings missed", map[string]any{"since": at.Add(-30 * time.Second).Format(time.RFC3339)}
	if s.Event.Server != "" {
		s.Event.Incident = "DEMOSERVER-20260812-021132"
	}
	s.Event.Message = "an example of " + kind
	s.Unprotected, s.WayBack = []Unprotected{}, "failoverd failback DEMOSERVER"
	s.Incident, s.Root = []journal.Event{{Seq: 11, Time: at, Kind: "server.warning", Server: s.Event.Server, Incident: s.Event.Incident, Message: "DEMOSERVER has missed 5 pings"}, s.Event}, 11
	return s
}

// bare is a story of which nothing is known that a story can be without.
func bare(kind string) Story {
	at := time.Date(2026, 8, 12, 2, 11, 32, 0, time.UTC)
	server := ""
	if strings.Contains(KindOf(kind).Symptom, "{server}") {
		server = "DEMOSERVER"
	}
	return Story{
		Standby: "standby-1", Version: "0", From: "failover@example.com", Now: at.Add(time.Second), Zone: time.UTC,
		Mail:  journal.Mail{Kind: kind, Recipient: "operator@example.com"},
		Event: journal.Event{Seq: 12, Time: at, Kind: kind, Server: server, Severity: KindOf(kind).Severity},
	}
}
