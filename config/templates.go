package config

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

const (
	maxTemplates = 100
	maxSubject   = 1 << 10  // bytes of a subject's template
	maxTemplate  = 64 << 10 // bytes of a template's file
)

// templates takes what mails say instead of failoverd's own words.
func (v *validator) templates(raw list[rawTemplate]) []Template {
	if len(raw.items) > maxTemplates {
		v.r.errorf(raw.spot, fmt.Sprintf("write at most %d", maxTemplates), "there are %d templates", len(raw.items))
		return nil
	}
	var all []Template
	taken := map[string]bool{}
	for _, item := range raw.items {
		if item.bad || !v.required(item.Kind.spot, item.spot, "kind", "write the kind of alert that it is for, such as takeover.done, or * for all others") {
			continue
		}
		t := Template{Kind: item.Kind.value, Subject: item.Subject.value, File: v.absolute(item.Body, "")}
		if taken[t.Kind] {
			v.r.errorf(item.Kind.spot, "remove one of the two", "there is another template for %s", show(t.Kind))
		}
		taken[t.Kind] = true
		if !item.Subject.set() && !item.Body.set() {
			v.r.error(item.spot, "the template says neither subject nor body", "write at least one of the two")
		}
		if len(t.Subject) > maxSubject {
			v.r.errorf(item.Subject.spot, "write a shorter one", "the subject's template has more than %d bytes", maxSubject)
		}
		v.spots[templateKey(t.Kind, "")] = item.spot
		v.spots[templateKey(t.Kind, "kind")] = item.Kind.spot
		v.spots[templateKey(t.Kind, "subject")] = item.Subject.spot
		v.spots[templateKey(t.Kind, "body")] = item.Body.spot
		all = append(all, t)
	}
	return all
}

// templateKey is the key of a part of a template in Config.spots.
func templateKey(kind, part string) string { return "template " + kind + " " + part }

// readTemplates reads the templates' files. One that somebody else than root could write would let them choose what the
// standby says in its own name.
func (c *Config) readTemplates(r *report) {
	for i := range c.Alerts.Templates {
		t := &c.Alerts.Templates[i]
		if t.File == "" {
			continue
		}
		at := c.spots[templateKey(t.Kind, "body")]
		info, err := os.Stat(t.File)
		if err == nil && info.Mode().IsRegular() {
			owner, known := info.Sys().(*syscall.Stat_t)
			switch {
			case info.Mode().Perm()&0o022 != 0:
				r.errorf(at, "run: chmod go-w "+t.File, "%s can be written by others than its owner (mode %04o)", t.File, info.Mode().Perm())
				continue
			case known && owner.Uid != 0 && int(owner.Uid) != os.Geteuid():
				r.errorf(at, "run: chown root "+t.File, "%s belongs to user %d", t.File, owner.Uid)
				continue
			}
		}
		data, err := readRegular(t.File, maxTemplate)
		switch {
		case errors.Is(err, os.ErrNotExist):
			r.errorf(at, "write the file, or name another one", "%s does not exist", t.File)
		case errors.Is(err, errTooLarge):
			r.errorf(at, "write at most 64 KiB", "%s is too large", t.File)
		case err != nil:
			r.errorf(at, "name a file that failoverd may read", "%s cannot be read (%v)", t.File, pathCause(err))
		case len(data) == 0:
			r.errorf(at, "write the body of the mail into it", "%s is empty", t.File)
		}
		t.Body = string(data)
	}
}

// TemplateFault is what is wrong with a template.
type TemplateFault struct {
	Part    string // kind, subject or body
	Line    int    // of the body, from 1
	Problem string
	Expect  string
}

// CheckTemplates has every template examined, and gives what is wrong as Errors with its place: of a body, in its own file.
func (c *Config) CheckTemplates(examine func(Template) []TemplateFault) error {
	r := &report{}
	for _, t := range c.Alerts.Templates {
		for _, fault := range examine(t) {
			at := c.spots[templateKey(t.Kind, fault.Part)]
			if fault.Part == "body" {
				at.file, at.line, at.column = t.File, fault.Line, 1
			}
			r.error(at, fault.Problem, fault.Expect)
		}
	}
	return r.err()
}
