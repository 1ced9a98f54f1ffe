package config

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/goccy/go-yaml/ast"
)

// placed is everything that may be written: it knows where.
type placed interface {
	place(spot)
	where() spot
}

func (s *spot) place(at spot) { *s = at }
func (s *spot) where() spot   { return *s }

// leaf is a value that reads itself from its node.
type leaf interface {
	placed
	decode(d *decoder, n ast.Node)
}

// The kinds of values. Each is the zero value with an unset spot when its key
// is not written, and has a bad spot when it was refused.
type (
	text struct {
		spot
		value string
	}
	number struct {
		spot
		value int
	}
	truth struct {
		spot
		value bool
	}
	duration struct {
		spot
		value time.Duration
	}
	list[T any] struct {
		spot
		items []T
	}
	secret struct {
		spot
		value Secret
	}
)

func (v *text) decode(d *decoder, n ast.Node) {
	s, ok := d.scalar(n, &v.spot, "write one value")
	if !ok {
		return
	}
	switch n.(type) {
	case *ast.BoolNode:
		v.refuse(d, fmt.Sprintf("%s is a truth value, not text", s), fmt.Sprintf("write it in quotes if it is meant: %q", s))
		return
	}
	if strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' || r == unicode.ReplacementChar
	}) {
		v.refuse(d, show(s)+" holds a control character", "write printable characters only")
		return
	}
	if s == "" {
		v.refuse(d, "the text is empty", "write a value, or remove the key")
		return
	}
	v.value = s
}

func (v *number) decode(d *decoder, n ast.Node) {
	s, ok := d.scalar(n, &v.spot, "write one whole number")
	if !ok {
		return
	}
	_, isInteger := n.(*ast.IntegerNode)
	i, err := strconv.Atoi(s)
	switch {
	case err == nil && isInteger && strconv.Itoa(i) == s:
		v.value = i
	case err == nil && !isInteger:
		v.refuse(d, "the number is written as text", "write "+strconv.Itoa(i)+" without quotes")
	case errors.Is(err, strconv.ErrRange):
		v.refuse(d, show(s)+" is too large", "write a smaller whole number")
	case isInteger:
		v.refuse(d, show(s)+" is no plain decimal number", "write a whole number such as 15, without leading zeros, signs or underscores")
	default:
		v.refuse(d, show(s)+" is not a whole number", "write a whole number such as 15")
	}
}

func (v *truth) decode(d *decoder, n ast.Node) {
	s, ok := d.scalar(n, &v.spot, "write true or false")
	if !ok {
		return
	}
	if b, isBool := n.(*ast.BoolNode); isBool {
		v.value = b.Value
		return
	}
	switch strings.ToLower(s) {
	case "yes", "on", "y", "1", "true":
		v.refuse(d, show(s)+" is not a truth value", "write true")
	case "no", "off", "n", "0", "false":
		v.refuse(d, show(s)+" is not a truth value", "write false")
	default:
		v.refuse(d, show(s)+" is not a truth value", "write true or false")
	}
}

func (v *duration) decode(d *decoder, n ast.Node) {
	s, ok := d.scalar(n, &v.spot, "write one duration such as 2s")
	if !ok {
		return
	}
	if p, err := time.ParseDuration(s); err == nil && s != "0" && s != "+0" && s != "-0" {
		v.value = p
		return
	}
	v.refuseDuration(d, s)
}

// refuseDuration finds out what was meant: the commonest mistake is a number
// without its unit, the next a unit that the language does not know.
func (v *duration) refuseDuration(d *decoder, s string) {
	const units = " (units: ms, s, m, h)"
	digits := strings.TrimSpace(strings.TrimLeft(s, "+-"))
	end := strings.IndexFunc(digits, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 && digits != "" && len(digits) < 10 {
		v.refuse(d, show(s)+" has no unit", "write "+s+"s"+units)
		return
	}
	expect := "write a duration such as 500ms, 2s, 5m or 36h"
	if end > 0 {
		amount, unit := digits[:end], strings.ToLower(strings.TrimSpace(digits[end:]))
		days, err := strconv.Atoi(amount)
		switch unit {
		case "d", "day", "days":
			if err == nil && days < 100000 {
				expect = fmt.Sprintf("write %dh%s", days*24, units)
			}
		case "w", "week", "weeks":
			if err == nil && days < 10000 {
				expect = fmt.Sprintf("write %dh%s", days*7*24, units)
			}
		case "s", "sec", "secs", "second", "seconds":
			expect = "write " + amount + "s" + units
		case "m", "min", "mins", "minute", "minutes":
			expect = "write " + amount + "m" + units
		case "h", "hr", "hrs", "hour", "hours":
			expect = "write " + amount + "h" + units
		case "ms", "msec", "millis", "milliseconds":
			expect = "write " + amount + "ms" + units
		}
		if len(amount) > 9 {
			v.refuse(d, show(s)+" is too large", "write a duration such as 500ms, 2s, 5m or 36h")
			return
		}
	}
	v.refuse(d, show(s)+" is not a duration", expect)
}

func (v *list[T]) element() reflect.Type { return reflect.TypeFor[T]() }

// maxItems bounds a list: more is a mistake, not a configuration.
const maxItems = 10000

func (v *list[T]) decode(d *decoder, n ast.Node) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		if m, isMap := mapping(n); isMap && len(m) == 0 {
			v.refuse(d, "the value is {}, not a list", "write [] for an empty list")
			return
		}
		if _, isMap := mapping(n); isMap {
			v.refuse(d, "keys stand where a list is expected", "write a dash and a space before the first key of each entry")
			return
		}
		s, isScalar := d.scalar(n, &v.spot, "write a list: a line with a dash and a space for each entry")
		if isScalar {
			v.refuse(d, "the value is not a list", "write a list: ["+strings.Join(quoteAll(strings.Fields(s)), ", ")+"]")
		}
		return
	}
	if len(seq.Values) > maxItems {
		v.refuse(d, fmt.Sprintf("the list has %d entries", len(seq.Values)), fmt.Sprintf("write at most %d", maxItems))
		return
	}
	v.items = make([]T, len(seq.Values))
	for i, item := range seq.Values {
		at := d.spotOf(item, v.spot, v.key+"["+elementName(item, i)+"]")
		d.value(reflect.ValueOf(&v.items[i]).Elem(), item, at)
	}
}

// quoteAll quotes words for a message.
func quoteAll(words []string) []string {
	quoted := make([]string, min(len(words), 8))
	for i := range quoted {
		quoted[i] = show(words[i])
	}
	return quoted
}

// elementName is what a list's element is called in messages: its name if it
// has a usable one, else its index from 0.
func elementName(n ast.Node, i int) string {
	pairs, _ := mapping(n)
	for _, p := range pairs {
		if keyText(p) == "name" {
			if s, ok := p.Value.(*ast.StringNode); ok && isName(s.Value) {
				return s.Value
			}
		}
	}
	return strconv.Itoa(i)
}

func (v *secret) decode(d *decoder, n ast.Node) {
	if pairs, ok := mapping(n); ok {
		v.decodeSource(d, n, len(pairs))
	} else if s, ok := d.scalar(n, &v.spot, "write {file: PATH}, {env: VARIABLE} or {credential: NAME}"); ok {
		switch {
		case s == "":
			v.refuse(d, "the secret is empty", "write {file: PATH}, {env: VARIABLE} or {credential: NAME}")
		case d.shared:
			v.refuse(d, "the secret is in clear text in a file that others can read",
				"write {file: PATH}, {env: VARIABLE} or {credential: NAME}, or run: chmod 0600 "+v.file)
		default:
			v.value = Secret{kind: "text", value: &s}
		}
	}
	if v.good() {
		d.secrets = append(d.secrets, secretSpot{v.spot, v.value})
	}
}

func (v *secret) decodeSource(d *decoder, n ast.Node, pairs int) {
	var src rawSecretSource
	before := len(d.r.errors) + d.r.dropped
	d.section(reflect.ValueOf(&src).Elem(), n, v.spot)
	if len(d.r.errors)+d.r.dropped > before {
		v.bad = true
		return
	}
	if pairs != 1 {
		v.refuse(d, fmt.Sprintf("the secret has %d sources", pairs), "write exactly one of file, env and credential")
		return
	}
	switch {
	case src.File.set():
		if isAbsolute(d.r, src.File) {
			v.value = Secret{kind: "file", source: src.File.value}
		}
	case src.Env.set():
		if !isVariable(src.Env.value) {
			d.r.error(src.Env.spot, show(src.Env.value)+" is no name of an environment variable", "write the variable's name, without $: letters, digits and _")
			break
		}
		v.value = Secret{kind: "env", source: src.Env.value}
	case src.Credential.set():
		if !isName(src.Credential.value) {
			d.r.error(src.Credential.spot, show(src.Credential.value)+" is no name of a credential", "write the name before the colon in LoadCredential=")
			break
		}
		v.value = Secret{kind: "credential", source: src.Credential.value}
	}
	v.bad = v.value.IsZero()
}

// refuse reports a value and keeps further rules away from it.
func (s *spot) refuse(d *decoder, problem, expect string) {
	d.r.error(*s, problem, expect)
	s.bad = true
}

// show quotes a value for a message, cut to what a line can hold.
func show(s string) string {
	const most = 60
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return strconv.Quote(s)
}
