package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"reflect"
	"strings"

	"failoverd/api"
	"failoverd/status"
)

// report shows an error on standard error and returns its exit code.
func (p *program) report(err error) int {
	var a answer
	if errors.As(err, &a) {
		return int(a)
	}
	if errors.Is(err, api.ErrNoDaemon) || errors.Is(err, context.DeadlineExceeded) {
		err = p.unreachable(err)
	}
	problem := problemOf(err)
	exit := exitOf(problem.Code, problem.Status)
	if p.global.json {
		p.reportJSON(problem, exit)
	} else {
		p.reportText(problem)
	}
	return exit
}

// problemDocument is a problem as --json prints it.
type problemDocument struct {
	api.Problem
	ExitCode int `json:"exit_code"`
}

// reportJSON prints the problem as one document with every key.
func (p *program) reportJSON(problem *api.Problem, exit int) {
	doc := problemDocument{Problem: *problem, ExitCode: exit}
	doc.Type = or(doc.Type, "urn:failoverd:problem:"+doc.Code)
	writeJSON(p.err, doc)
}

// reportText prints the problem for people: what, what stood against it, and
// what to do.
func (p *program) reportText(problem *api.Problem) {
	detail := strings.Split(strings.TrimRight(or(problem.Error(), problem.Title), "\n"), "\n")
	line(p.err, "failoverd: %s", detail[0])
	for _, more := range detail[1:] {
		line(p.err, "  %s", more)
	}
	if len(problem.Checks) > 0 {
		writeChecks(p.err, problem.Checks, false)
	}
	if problem.Code == status.ChecksFailed && !problem.Changed {
		line(p.err, "Nothing was changed.")
	}
	if problem.Operation != "" && problem.Try == "" {
		line(p.err, "Try: failoverd operation watch %s", path.Base(problem.Operation))
	}
	if problem.Code == api.Internal && problem.RequestID != "" {
		line(p.err, "The daemon's log has the cause: journalctl -u failoverd --grep %s", problem.RequestID)
	}
	if problem.Try != "" {
		line(p.err, "Try: %s", problem.Try)
	}
}

// writeChecks lists failed checks with what overrides each, or else what helps.
func writeChecks(w io.Writer, checks []status.Check, colours palette) {
	t := table{indent: "  "}
	for _, c := range checks {
		value := c.Value
		if c.Limit != "" {
			value += " (needed: " + c.Limit + ")"
		}
		override := "nothing overrides it"
		switch {
		case c.Accept != "":
			override = "to go on all the same: --accept " + c.Accept
		case c.Help != "":
			override += "; what helps: " + c.Help
		}
		t.add(cell{c.Name, red}, cell{text: value}, cell{text: override})
	}
	t.write(w, colours)
}

// document prints a document on standard output.
func (p *program) document(v any) error {
	return writeJSON(p.out, v)
}

// writeJSON prints one document on one line, so that several of them are JSON
// lines. A list that is empty is [], never null, whatever the daemon sent.
func writeJSON(w io.Writer, v any) error {
	whole := reflect.New(reflect.TypeOf(v))
	whole.Elem().Set(reflect.ValueOf(v))
	fill(whole)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(whole.Interface()); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// fill replaces lists and maps that are nil by empty ones, in whatever v leads
// to and can be set.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.IsNil() && v.CanSet() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		if v.IsNil() && v.CanSet() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	}
}
