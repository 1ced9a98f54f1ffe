package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// optionKeys are the keys that may stand in the file of options, which the API writes; in the order in which people see them.
// Nothing is among them that failoverd runs, that lets anybody in, or that names a file which it writes: those are changed in
// failoverd.yaml, by whoever may write that. Neither the file nor the API takes another key.
var optionKeys = []string{
	"alerts.email.host", "alerts.email.port", "alerts.email.tls", "alerts.email.server_name", "alerts.email.ca_file",
	"alerts.email.username", "alerts.email.password", "alerts.email.from", "alerts.email.to", "alerts.email.severity",
	"alerts.daily_report", "alerts.remind_every", "alerts.remind_suspended", "alerts.escalation.after", "alerts.escalation.to",
	"standby.name", "standby.capacity", "standby.replications_at_once", "standby.witnesses", "standby.settle",
	"defaults.ping.interval", "defaults.ping.timeout", "defaults.ping.warn_after", "defaults.ping.fail_after", "defaults.ping.fail_after_reboot",
}

// Option is one key that may stand in the file of options, and what is written under it.
type Option struct {
	Key     string
	Kind    string   // text, number, duration, choice, list or secret
	Choices []string // of a choice
	Meaning string   // as the reference has it
	Default string   // a value as it is written, or words in brackets
	Restart bool     // a change takes effect only after a restart
	Values  []string // what holds: one, or those of a list; nil if it is written nowhere. Of a secret where it comes from, as file:PATH.
	Where   string   // file:line of what holds, "" if it is written nowhere
	Own     bool     // Where is in the file of options
	Beneath string   // file:line of what would hold without the file of options, "" if it is written nowhere else
}

// OptionsFile is the path of the file of options, which stands over the main file.
func OptionsFile(main string) string {
	return filepath.Join(filepath.Dir(main), "options.d", "options.yaml")
}

// isOptions tells the file of options from those of servers.
func isOptions(name string) bool {
	return filepath.Base(name) == "options.yaml" && filepath.Base(filepath.Dir(name)) == "options.d"
}

// options reads the file of options over the main file, key by key; lists are taken whole.
func options(r *report, main *rawFile, f Source) []secretSpot {
	own, secrets := optionsIn(r, f)
	for _, key := range optionKeys {
		over, under := keyed(own, key).where(), keyed(*main, key).where()
		if over.set() && under.set() {
			r.notice(under, fmt.Sprintf("%s:%d is in force instead", over.file, over.line), "remove one of the two; failoverd config reset "+key+" removes that one")
		}
	}
	merge(reflect.ValueOf(&own).Elem(), reflect.ValueOf(main).Elem())
	*main = own
	return secrets
}

// optionsIn is what the file of options says. A file of comments alone says nothing.
func optionsIn(r *report, f Source) (rawFile, []secretSpot) {
	var own rawFile
	if nothing(f.Data) {
		return own, nil
	}
	body := tree(r, f)
	if body == nil {
		return own, nil
	}
	d := &decoder{r: r, file: f.Name, shared: f.Shared}
	d.section(reflect.ValueOf(&own).Elem(), body, spot{file: f.Name, line: 1, column: 1})
	d.strangers(reflect.ValueOf(&own).Elem(), "")
	own.spot = spot{} // the main file is where the whole stands
	return own, d.secrets
}

// strangers refuses what is written and is no option, at the outermost key that holds none, and forgets it.
func (d *decoder) strangers(v reflect.Value, path string) {
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		if key == "" {
			continue
		}
		p, field := join(path, key), v.Field(i)
		at := field.Addr().Interface().(placed).where()
		switch {
		case !at.set() || slices.Contains(optionKeys, p):
		case slices.ContainsFunc(optionKeys, func(k string) bool { return strings.HasPrefix(k, p+".") }):
			d.strangers(field, p)
		default:
			d.r.error(at, "this key cannot stand among the options", "write it in failoverd.yaml")
			field.SetZero()
		}
	}
}

// nothing tells whether a text has nothing but comments.
func nothing(data []byte) bool {
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}

// keyed is what a key of options holds.
func keyed(raw rawFile, key string) placed {
	v := reflect.ValueOf(&raw).Elem()
	for part := range strings.SplitSeq(key, ".") {
		v, _ = fieldFor(v, part)
	}
	return v.Addr().Interface().(placed)
}

// Options reads what is written under each option, and the text of the file of options, nil if there is none. Errors are those
// of a file that cannot be read so far as to know; what it means is not looked at.
func Options(main string) ([]Option, []byte, error) {
	r := &report{}
	over := optionsSource(r, OptionsFile(main))
	under := read(r, main)
	r.files = []string{main, over.Name}
	var raw rawFile
	if under.Data != nil {
		if body := tree(r, under); body != nil {
			d := &decoder{r: r, file: main, shared: under.Shared}
			d.section(reflect.ValueOf(&raw).Elem(), body, spot{file: main, line: 1, column: 1})
		}
	}
	own, _ := optionsIn(r, over)
	list, err := described(own, raw)
	if err != nil {
		return nil, nil, err
	}
	return list, over.Data, r.err()
}

// described is each option with what the reference says of it.
func described(own, main rawFile) ([]Option, error) {
	notes, err := annotations(reference)
	if err != nil {
		return nil, err
	}
	var list []Option
	for _, key := range optionKeys {
		o := Option{Key: key, Restart: NeedsRestart(key)}
		for _, a := range notes {
			if a.path == key || strings.Replace(key, "defaults.", "servers[].", 1) == a.path {
				o.Meaning, o.Default = a.meaning, a.defaults
			}
		}
		over, under := keyed(own, key), keyed(main, key)
		o.Kind, o.Choices = kindOf(key, over)
		at, holds := under.where(), under
		if at.set() {
			o.Beneath = fmt.Sprintf("%s:%d", at.file, at.line)
		}
		if over.where().set() {
			at, holds, o.Own = over.where(), over, true
		} else {
			o.Beneath = ""
		}
		if at.set() {
			o.Where, o.Values = fmt.Sprintf("%s:%d", at.file, at.line), written(holds)
		}
		list = append(list, o)
	}
	return list, nil
}

// kindOf is how an option is written.
func kindOf(key string, v placed) (kind string, choices []string) {
	switch key {
	case "alerts.email.tls":
		return "choice", mailEncryption
	case "alerts.email.severity":
		return "choice", severities
	}
	switch v.(type) {
	case *number:
		return "number", nil
	case *duration:
		return "duration", nil
	case *list[text]:
		return "list", nil
	case *secret:
		return "secret", nil
	}
	return "text", nil
}

// written is a value as EditOptions takes it. Of a secret it is where it comes from, and no more than that it is written out.
func written(v placed) []string {
	if v.where().bad {
		return nil
	}
	switch v := v.(type) {
	case *text:
		return []string{v.value}
	case *number:
		return []string{strconv.Itoa(v.value)}
	case *duration:
		return []string{brief(v.value)}
	case *list[text]:
		words := make([]string, 0, len(v.items))
		for _, item := range v.items {
			words = append(words, item.value)
		}
		return words
	case *secret:
		if v.value.kind == "text" {
			return []string{"text"}
		}
		return []string{v.value.kind + ":" + v.value.source}
	}
	return nil
}

// optionsSource reads the file of options; one that is not there has no data.
func optionsSource(r *report, name string) Source {
	if _, err := os.Lstat(name); errors.Is(err, os.ErrNotExist) {
		return Source{Name: name}
	}
	return read(r, name)
}

// strayOptions reports what lies beside the file of options as if it were read.
func strayOptions(r *report, main string) {
	own := OptionsFile(main)
	entries, err := os.ReadDir(filepath.Dir(own))
	if err != nil {
		return // Without the directory there is nothing; one that cannot be read is told of by the file.
	}
	for _, e := range entries {
		name := filepath.Join(filepath.Dir(own), e.Name())
		if ext := strings.ToLower(filepath.Ext(name)); name != own && !strings.HasPrefix(e.Name(), ".") && (ext == ".yaml" || ext == ".yml") {
			r.error(spot{file: name, line: 1, column: 1}, "the file would be ignored", "write what is in it into "+own+" or failoverd.yaml, and remove it")
		}
	}
}

// LoadWithOptions is Load as if text were the file of options; nil takes it away. Whoever sends a text is not asked how its
// file will be kept: a password in clear text in it is an error.
func LoadWithOptions(path string, text []byte) (*Config, error) {
	name := OptionsFile(path)
	return load(path, func(sources []Source) []Source {
		sources = slices.DeleteFunc(slices.Clone(sources), func(s Source) bool { return s.Name == name })
		if text != nil {
			sources = slices.Insert(sources, 1, Source{Name: name, Data: text, Shared: true})
		}
		return sources
	})
}

// HostOnlyOptions names the options of next that only somebody on the standby itself may set, and that differ from those of
// old: the file that is read for authorities, and whatever decides where a password is sent, and in which form. Otherwise
// whoever has stolen a token could have a password, or a file that failoverd can read, sent to a mail server of his own.
func HostOnlyOptions(old, next *Config) []string {
	was, will := mailOf(old), mailOf(next)
	var keys []string
	differs := func(key string, differs bool) {
		if differs {
			keys = append(keys, "alerts.email."+key)
		}
	}
	if will.Password.IsZero() {
		differs("ca_file", will.CAFile != was.CAFile && will.CAFile != "")
		return keys
	}
	differs("host", will.Host != was.Host)
	differs("port", will.Port != was.Port)
	differs("tls", will.TLS != was.TLS)
	differs("server_name", will.ServerName != was.ServerName)
	differs("ca_file", will.CAFile != was.CAFile)
	differs("username", will.Username != was.Username)
	differs("password", !will.Password.Equal(was.Password))
	return keys
}

// OnHostOnly tells whether a change of an option would be among HostOnlyOptions of what is in force.
func OnHostOnly(c *Config, key string) bool {
	switch key {
	case "alerts.email.ca_file", "alerts.email.password":
		return true
	case "alerts.email.host", "alerts.email.port", "alerts.email.tls", "alerts.email.server_name", "alerts.email.username":
		return !mailOf(c).Password.IsZero()
	}
	return false
}

// mailOf is how a configuration mails, empty if it does not.
func mailOf(c *Config) Email {
	if c.Alerts.Email == nil {
		return Email{}
	}
	return *c.Alerts.Email
}
