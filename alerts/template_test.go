package alerts

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"failoverd/journal"
)

// applied gives a mail the words of a template.
func applied(t *testing.T, template Template, s Story) (Message, error) {
	t.Helper()
	all, err := ParseTemplates([]Template{template})
	if err != nil {
		t.Fatal(err)
	}
	return Composer{Templates: all}.Mail(s)
}

// Subject and text are the template's; the thread, the headers and what programs get stay as they are.
func TestTemplateGivesTheWords(t *testing.T) {
	s := stories()["takeover.done"]
	own := Compose(s)
	m, err := applied(t, Template{"takeover.done", "[{{.Severity}}] {{.Server}}\r\nBcc: x@y.z", "{{range .Next}}* {{.}}\n{{end}}{{.Console}}\n"}, s)
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != "Re: [critical] pbx1 Bcc: x@y.z" || m.HTML != "" || !strings.HasPrefix(m.Text, "* Tell the users") || !strings.HasSuffix(m.Text, "\nhttps://10.0.0.2:8443/#/servers/pbx1\n") {
		t.Errorf("subject %q, HTML of %d bytes, text\n%s", m.Subject, len(m.HTML), m.Text)
	}
	if m.MessageID != own.MessageID || m.Headers["References"] != own.Headers["References"] || m.Notification.Text != own.Text || m.Notification.Title != own.Notification.Title {
		t.Errorf("more than the words has changed: %+v", m)
	}
	for name, one := range map[string]Template{"another kind": {"release.done", "x", "x"}, "the subject alone": {"takeover.done", "{{.Subject}}", ""}} {
		if m, err := applied(t, one, s); err != nil || m.Subject != own.Subject || m.Text != own.Text || m.HTML != own.HTML {
			t.Errorf("%s: %q, %v", name, m.Subject, err)
		}
	}
	if m, err := applied(t, Template{"*", "all of it", ""}, s); err != nil || m.Subject != "Re: all of it" {
		t.Errorf("for every kind: %q, %v", m.Subject, err)
	}
}

// What is wrong with a template is found before it is needed, with its line.
func TestCheckTemplate(t *testing.T) {
	tests := map[string]struct {
		template Template
		part     string
		line     int
		text     string // in the error; empty: nothing is wrong
	}{
		"right":                {Template{"takeover.done", "{{.Server}}", "{{.Text}}"}, "", 0, ""},
		"right for all":        {Template{"*", "{{.State}} {{.Server}}{{.Standby}}", "{{.Summary}}\n{{with .First}}{{.Format \"15:04\"}}{{end}}"}, "", 0, ""},
		"no such kind":         {Template{"takeover.dnoe", "x", ""}, "kind", 1, "no kind of alert"},
		"does not parse":       {Template{"alert.test", "", "a\nb\n{{if}}\n"}, "body", 3, "missing value for if"},
		"no such key":          {Template{"alert.test", "", "a\n{{.Sever}}\n"}, "body", 2, "can't evaluate field Sever"},
		"subject":              {Template{"alert.test", "{{.Sever}}", ""}, "subject", 1, "can't evaluate field Sever"},
		"nothing in it":        {Template{"alert.test", "", "{{/* later */}} \n"}, "body", 1, "empty text"},
		"a subject of nothing": {Template{"alert.test", "{{.Server}}", ""}, "subject", 1, "empty subject"},
		"fails without server": {Template{"*", "x", `{{if not .Server}}{{index .Next 99}}{{end}}x`}, "body", 1, "out of range"},
		"an endless loop":      {Template{"alert.test", "", "{{range 2000000000}}{{end}}x"}, "body", 1, "rounds"},
		"loops in loops":       {Template{"alert.test", "", "{{range 9999}}{{range 9999}}{{range 9999}}{{end}}{{end}}{{end}}x"}, "body", 1, "rounds"},
		"a loop in a branch":   {Template{"alert.test", "", "{{if true}}{{range 2000000000}}{{end}}{{end}}x"}, "body", 1, "rounds"},
		"calls itself":         {Template{"alert.test", "", `{{define "a"}}{{template "a" .}}{{end}}{{template "a" .}}`}, "body", 1, "rounds"},
		"doubles":              {Template{"alert.test", "", `{{$x := "xxxxxxxx"}}{{range 60}}{{$x = print $x $x}}{{end}}x`}, "body", 1, "a text of more than"},
		"escapes":              {Template{"alert.test", "", `{{$x := "&"}}{{range 60}}{{$x = html (urlquery (js $x) $x)}}{{end}}x`}, "body", 1, "a text of more than"},
		"says too much":        {Template{"alert.test", "", "{{range 9000}}0123456789{{end}}"}, "body", 1, "gives more than"},
	}
	for name, test := range tests {
		wrong := CheckTemplate(test.template)
		switch {
		case test.text == "" && len(wrong) > 0:
			t.Errorf("%s: %v", name, wrong[0])
		case test.text != "" && (len(wrong) != 1 || wrong[0].Part != test.part || wrong[0].Line != test.line || !strings.Contains(wrong[0].Err.Error(), test.text)):
			t.Errorf("%s: %v; want %s:%d: %s", name, wrong, test.part, test.line, test.text)
		}
	}
}

// A template that fails when it is needed costs no alert: the mail goes out in failoverd's own words, and the history says so.
func TestOutboxWithoutTheWords(t *testing.T) {
	inBubble(t, []string{"ops@example.com"}, func(t *testing.T, s *station) {
		all, err := ParseTemplates([]Template{{Kind: "server.failure", Subject: "mine", Body: `{{index .Next 99}}`}})
		if err != nil {
			t.Fatal(err)
		}
		sender := newFakeSender(accept)
		box := s.run(sender)
		box.Use(sender, Composer{Standby: "stby1", From: "failover@example.com", Templates: all})
		s.alert("server.failure", "pbx1", "INC-1")
		synctest.Wait()
		mails := sender.mails()
		if len(mails) != 1 || mails[0].Subject != "failoverd: pbx1 DOWN (INC-1)" || !strings.Contains(mails[0].Text, "WHAT YOU DO NEXT") {
			t.Fatalf("mails: %+v", mails)
		}
		events, err := s.journal.Events(t.Context(), journal.EventQuery{Kind: "alert.template_failed"})
		if err != nil || len(events) != 1 || !strings.Contains(events[0].Reason, "body:1: ") || !strings.Contains(events[0].Reason, "out of range") {
			t.Errorf("the history: %+v, %v", events, err)
		}
	})
}

// The example of the documents is a template in which nothing is wrong.
func TestTemplateOfTheDocuments(t *testing.T) {
	page, err := os.ReadFile("../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "`/etc/failoverd/takeover-done.tmpl`:\n\n```text\n")
	body, _, found := strings.Cut(rest, "```\n")
	_, rest, _ = strings.Cut(string(page), "      subject: '")
	subject, _, written := strings.Cut(rest, "'\n")
	if !found || !written {
		t.Fatal("docs/alerts.md has no example")
	}
	if wrong := CheckTemplate(Template{"takeover.done", subject, body}); len(wrong) > 0 {
		t.Errorf("the example: %v", wrong)
	}
	m, err := applied(t, Template{"takeover.done", subject, body}, Sample("takeover.done"))
	_, rest, _ = strings.Cut(string(page), "begins like this:\n\n```text\n")
	want, _, shown := strings.Cut(rest, "```\n")
	if got := "Subject: " + m.Subject + "\n\n" + m.Text; err != nil || !shown || !strings.HasPrefix(got, want) {
		t.Errorf("the example gives, %v\n%s\nand the page says\n%s", err, got, want)
	}
}
