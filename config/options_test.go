package config

import (
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const optionsMain = `
alerts:
  email: {host: 192.168.11.5, from: a@example.com, to: [ops@example.com]}
  daily_report: "07:00"
servers: [{name: M, address: 10.0.0.1}]
`

// The file of options stands over the main file key by key, and what it covers is said.
func TestOptionsStandOverTheMainFile(t *testing.T) {
	dir := etc(t, map[string]string{
		"failoverd.yaml": optionsMain,
		"options.d/options.yaml": `# by the console
alerts:
  email:
    host: 192.168.11.6
    to: [b@example.com, c@example.com]
standby: {settle: 5s}
defaults: {ping: {fail_after: 20, fail_after_reboot: 40}}
`,
		"options.d/options.yaml.before": "nonsense: [",
	})
	c, err := Load(filepath.Join(dir, "failoverd.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	e := c.Alerts.Email
	if e.Host != "192.168.11.6" || e.From != "a@example.com" || strings.Join(e.To, " ") != "b@example.com c@example.com" || c.Alerts.DailyReport != "07:00" {
		t.Errorf("mail: %+v, report %s", e, c.Alerts.DailyReport)
	}
	if c.Standby.Settle.String() != "5s" || c.Servers[0].Ping.FailAfter != 20 || c.Servers[0].Ping.WarnAfter != 5 || len(c.Servers) != 1 {
		t.Errorf("settle %s, ping %+v, %d servers", c.Standby.Settle, c.Servers[0].Ping, len(c.Servers))
	}
	var covered []string
	for _, n := range c.Notices {
		if strings.Contains(n.Problem, "is in force instead") {
			covered = append(covered, strings.ReplaceAll(n.String(), dir, ""))
		}
	}
	want := []string{
		"/failoverd.yaml:3: alerts.email.host: /options.d/options.yaml:4 is in force instead; remove one of the two; failoverd config reset alerts.email.host removes that one",
		"/failoverd.yaml:3: alerts.email.to: /options.d/options.yaml:5 is in force instead; remove one of the two; failoverd config reset alerts.email.to removes that one",
	}
	if diff := cmp.Diff(want, covered); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
}

// Whoever may write the file of options wins nothing with it but the options: any other key in it is an error, at the start too.
func TestOptionsHoldNothingElse(t *testing.T) {
	for text, wrong := range map[string]string{
		"alerts: {commands: [{name: c, command: [/bin/sh]}]}":                          "alerts.commands",
		"alerts: {webhooks: [{name: w, url: \"https://10.6.6.6\", secret: {env: X}}]}": "alerts.webhooks",
		"alerts: {heartbeat: {url: \"https://10.6.6.6\"}}":                             "alerts.heartbeat",
		"alerts: {templates: [{kind: \"*\", body: /etc/shadow}]}":                      "alerts.templates",
		"api: {listen: \"0.0.0.0:80\"}":                                                "api",
		"api: {}":                                                                      "api",
		"standby: {data_dir: /etc}":                                                    "standby.data_dir",
		"standby: {interface: lo}":                                                     "standby.interface",
		"defaults: {takeover: {start: {command: [/bin/sh]}}}":                          "defaults.takeover",
		"defaults: {probes: [{command: [/bin/sh]}]}":                                   "defaults.probes",
		"servers: [{name: X, address: 10.0.0.2}]":                                      "servers",
	} {
		dir := etc(t, map[string]string{"failoverd.yaml": optionsMain, "options.d/options.yaml": text + "\n"})
		_, err := Load(filepath.Join(dir, "failoverd.yaml"))
		if want := "options.yaml:1: " + wrong + ": this key cannot stand among the options"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}

func TestLoadOptions(t *testing.T) {
	for what, test := range map[string]struct {
		files map[string]string
		wrong string // "" for none
	}{
		"comments alone":  {map[string]string{"options.d/options.yaml": "# nothing\n\n"}, ""},
		"empty":           {map[string]string{"options.d/options.yaml": ""}, ""},
		"no YAML":         {map[string]string{"options.d/options.yaml": "alerts: ["}, "options.yaml:1"},
		"an unknown key":  {map[string]string{"options.d/options.yaml": "alerts: {emial: {}}"}, "did you mean email?"},
		"another file":    {map[string]string{"options.d/mail.yaml": "alerts: {}"}, "mail.yaml:1: the file would be ignored"},
		"another ending":  {map[string]string{"options.d/options.yml": "alerts: {}"}, "options.yml:1: the file would be ignored"},
		"a text as well":  {map[string]string{"options.d/README": "nonsense: ["}, ""},
		"rules hold over": {map[string]string{"options.d/options.yaml": "alerts: {email: {to: []}}"}, "the list of recipients is empty"},
	} {
		test.files["failoverd.yaml"] = optionsMain
		_, err := Load(filepath.Join(etc(t, test.files), "failoverd.yaml"))
		if (test.wrong == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.wrong) {
			t.Errorf("%s: %v; want %q", what, err, test.wrong)
		}
	}
	dir := etc(t, map[string]string{"failoverd.yaml": optionsMain})
	main := filepath.Join(dir, "failoverd.yaml")
	c, err := LoadWithOptions(main, []byte("standby: {capacity: 3}\n"))
	if err != nil || c.Standby.Capacity != 3 {
		t.Errorf("with options: %v, %v", c, err)
	}
	_, err = LoadWithOptions(main, []byte("alerts: {email: {username: u, password: hunter2}}\n"))
	if err == nil || !strings.Contains(err.Error(), "clear text") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a password: %v", err)
	}
}

// Each option is one key that can be written, with what the reference says of it.
func TestEveryOptionIsExplained(t *testing.T) {
	known := map[string]bool{}
	keysOf(reflect.TypeFor[rawFile](), "", func(path string) { known[path] = true })
	list, err := described(rawFile{}, rawFile{})
	if err != nil {
		t.Fatal(err)
	}
	var restart []string
	for _, o := range list {
		if !known[o.Key] || o.Meaning == "" || o.Default == "" || o.Kind == "" || (o.Kind == "choice") != (len(o.Choices) > 0) {
			t.Errorf("%+v", o)
		}
		if o.Restart {
			restart = append(restart, o.Key)
		}
		for _, word := range []string{"command", "socket", "listen", "url", "template", "data_dir", "key_file"} {
			if strings.Contains(o.Key, word) {
				t.Errorf("%s may be set over the API", o.Key)
			}
		}
	}
	if diff := cmp.Diff([]string{"standby.name"}, restart); diff != "" {
		t.Errorf("restart (-want +got):\n%s", diff)
	}
}

// What is written is told with its place, and of a secret never more than where it is.
func TestOptionsTold(t *testing.T) {
	dir := etc(t, map[string]string{
		"failoverd.yaml":         "alerts: {email: {host: 192.168.11.5, username: u, password: hunter2, from: a@example.com, to: [ops@example.com]}}\nstandby: {witnesses: []}\n",
		"options.d/options.yaml": "alerts:\n  email:\n    host: 192.168.11.6\n  remind_every: 90m\n",
	})
	list, text, err := Options(filepath.Join(dir, "failoverd.yaml"))
	if err != nil || !strings.HasPrefix(string(text), "alerts:") {
		t.Fatalf("%q, %v", text, err)
	}
	got := map[string]string{}
	for _, o := range list {
		if o.Where != "" {
			got[o.Key] = strings.ReplaceAll(strings.Join(o.Values, ",")+" "+o.Where+" "+o.Beneath, dir, "")
		}
	}
	want := map[string]string{
		"alerts.email.host": "192.168.11.6 /options.d/options.yaml:3 /failoverd.yaml:1", "alerts.email.username": "u /failoverd.yaml:1 ",
		"alerts.email.password": "text /failoverd.yaml:1 ", "alerts.email.from": "a@example.com /failoverd.yaml:1 ",
		"alerts.email.to": "ops@example.com /failoverd.yaml:1 ", "alerts.remind_every": "1h30m /options.d/options.yaml:4 ", "standby.witnesses": " /failoverd.yaml:2 ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEditOptions(t *testing.T) {
	const kept = `# Ours. Ask Carol before you change it.
standby:
  settle: 1m # the switch is slow

alerts:
    # the new mail server
    email:
        host: "192.168.11.6" # in the cellar
        to:
            # on call
            - 'a@example.com'
            - b@example.com # the boss
    daily_report: "06:30"
# the end
`
	set := func(key string, values ...string) OptionChange {
		return OptionChange{Key: key, Values: append([]string{}, values...)}
	}
	reset := func(key string) OptionChange { return OptionChange{Key: key, Reset: true} }
	for what, test := range map[string]struct {
		text    string
		changes []OptionChange
		want    string
	}{
		"a new file": {
			"",
			[]OptionChange{set("alerts.email.host", "192.168.11.5"), set("alerts.email.to", "a@example.com", "b@example.com"), set("standby.capacity", "2"), set("alerts.email.port", "587"), set("alerts.remind_every", "1h30m")},
			optionsHead + "alerts:\n  email:\n    host: \"192.168.11.5\"\n    to:\n      - \"a@example.com\"\n      - \"b@example.com\"\n    port: 587\n  remind_every: 1h30m\nstandby:\n  capacity: 2\n",
		},
		"a value, with the comment behind it": {kept, []OptionChange{set("standby.settle", "90s")}, strings.Replace(kept, "settle: 1m #", "settle: 90s #", 1)},
		"a text":                              {kept, []OptionChange{set("alerts.email.host", "mail.example.com")}, strings.Replace(kept, "192.168.11.6", "mail.example.com", 1)},
		"one more of a list":                  {kept, []OptionChange{set("alerts.email.to", "a@example.com", "b@example.com", "c@example.com")}, strings.Replace(kept, "the boss\n", "the boss\n            - \"c@example.com\"\n", 1)},
		"one less of a list":                  {kept, []OptionChange{set("alerts.email.to", "b@example.com")}, strings.Replace(kept, "            - 'a@example.com'\n", "", 1)},
		"another order":                       {kept, []OptionChange{set("alerts.email.to", "b@example.com", "a@example.com")}, strings.Replace(kept, "            # on call\n            - 'a@example.com'\n            - b@example.com # the boss\n", "            - b@example.com # the boss\n            # on call\n            - 'a@example.com'\n", 1)},
		"an empty list":                       {kept, []OptionChange{set("standby.witnesses")}, strings.Replace(kept, "is slow\n", "is slow\n  witnesses: []\n", 1)},
		"a key beside others":                 {kept, []OptionChange{set("alerts.email.tls", "implicit")}, strings.Replace(kept, "the boss\n", "the boss\n        tls: \"implicit\"\n", 1)},
		"a section of its own":                {kept, []OptionChange{set("defaults.ping.fail_after", "20")}, kept + "defaults:\n  ping:\n    fail_after: 20\n"},
		"a secret":                            {kept, []OptionChange{set("alerts.email.password", "file:/etc/failoverd/x")}, strings.Replace(kept, "the boss\n", "the boss\n        password: {file: \"/etc/failoverd/x\"}\n", 1)},
		"taken away":                          {kept, []OptionChange{reset("alerts.daily_report")}, strings.Replace(kept, "    daily_report: \"06:30\"\n", "", 1)},
		"with its section":                    {kept, []OptionChange{reset("standby.settle")}, strings.Replace(kept, "standby:\n  settle: 1m # the switch is slow\n", "", 1)},
		"what is not there":                   {kept, []OptionChange{reset("standby.capacity")}, kept},
		"a list with its comments":            {kept, []OptionChange{reset("alerts.email.to")}, strings.Replace(kept, "        to:\n            # on call\n            - 'a@example.com'\n            - b@example.com # the boss\n", "            # on call\n", 1)},
		"a list on one line":                  {"alerts: \n  email:\n    to: [a@example.com]  # us\n", []OptionChange{set("alerts.email.to", "x@example.com")}, "alerts: \n  email:\n    to: # us\n      - \"x@example.com\"\n"},
		"a secret on two lines":               {"alerts:\n  email:\n    password:\n      file: /a\n", []OptionChange{set("alerts.email.password", "env:X")}, "alerts:\n  email:\n    password: {env: \"X\"}\n"},
		"quotes and hashes":                   {"", []OptionChange{set("alerts.email.username", `a "b" # c: {d} \`)}, optionsHead + "alerts:\n  email:\n    username: \"a \\\"b\\\" # c: {d} \\\\\"\n"},
	} {
		got, err := EditOptions("options.yaml", []byte(test.text), test.changes)
		if diff := cmp.Diff(test.want, string(got)); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
		}
	}
}

// What cannot be changed without losing something is refused, each problem with its option, and no secret is repeated.
func TestEditOptionsRefuses(t *testing.T) {
	set := func(key string, values ...string) OptionChange { return OptionChange{Key: key, Values: values} }
	for what, test := range map[string]struct {
		text   string
		change OptionChange
		key    string
		wrong  string
	}{
		"a key that is no option": {"", set("api.listen", "0.0.0.0:80"), `"api.listen"`, "no option"},
		"a command":               {"", set("alerts.commands", "/bin/sh"), `"alerts.commands"`, "no option"},
		"a section":               {"", set("alerts.email", "x"), `"alerts.email"`, "no option"},
		"a key that breaks out":   {"", set("standby.name: x\napi", "x"), `"standby.name: x\napi"`, "no option"},
		"no value":                {"", OptionChange{Key: "standby.witnesses"}, "standby.witnesses", "no value"},
		"two values":              {"", set("standby.capacity", "1", "2"), "standby.capacity", "2 values"},
		"a value and a reset":     {"", OptionChange{Key: "standby.capacity", Values: []string{"1"}, Reset: true}, "standby.capacity", "taken away"},
		"a secret itself":         {"", set("alerts.email.password", "hunter2"), "alerts.email.password", "where the secret is"},
		"a secret in other words": {"", set("alerts.email.password", "text:hunter2"), "alerts.email.password", "where the secret is"},
		"braces":                  {"standby: {settle: 5s} # hunter2\n", set("standby.capacity", "2"), "", "cannot be changed from here"},
		"no YAML":                 {"standby: [", set("standby.capacity", "2"), "", "cannot be changed from here"},
		"ends of lines":           {"standby:\r\n  capacity: 1\r\n", set("standby.capacity", "2"), "", "cannot be changed from here"},
		"a key of somebody else":  {"api:\n  listen: \"0.0.0.0:80\"\n", set("standby.capacity", "2"), "", "cannot be changed from here"},
	} {
		got, err := EditOptions("options.yaml", []byte(test.text), []OptionChange{test.change})
		wrong := Errors(nil)
		if !errors.As(err, &wrong) || got != nil || len(wrong) != 1 || wrong[0].Key != test.key || !strings.Contains(wrong[0].Problem, test.wrong) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %q, %v; want %s about %s", what, got, err, test.wrong, test.key)
		}
	}
	if _, err := EditOptions("options.yaml", nil, []OptionChange{set("standby.capacity", "1"), set("standby.capacity", "2")}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("twice: %v", err)
	}
	// A value of a wrong kind is the reader's to refuse, beside its key.
	dir := etc(t, map[string]string{"failoverd.yaml": optionsMain})
	for key, value := range map[string]string{
		"standby.capacity": "many", "standby.settle": "5", "alerts.email.port": "1e3", "alerts.email.tls": "maybe", "alerts.daily_report": "7 o'clock",
		"alerts.email.from": "nobody", "alerts.remind_every": "1h # x", "standby.name": "a\tb",
	} {
		text, err := EditOptions(OptionsFile(filepath.Join(dir, "failoverd.yaml")), nil, []OptionChange{set(key, value)})
		if err == nil {
			_, err = LoadWithOptions(filepath.Join(dir, "failoverd.yaml"), text)
		}
		wrong := Errors(nil)
		if !errors.As(err, &wrong) || !slices.ContainsFunc(wrong, func(p Problem) bool { return p.Key == key }) {
			t.Errorf("%s: %s: %v", key, value, err)
		}
	}
}

// Where a password goes, only somebody on the standby says.
func TestHostOnlyOptions(t *testing.T) {
	with := func(mail string) *Config {
		return mustParse(t, "alerts: {email: {from: a@example.com, to: [b@example.com], "+mail+"}}\nservers: [{name: M, address: 10.0.0.1}]\n")
	}
	secret := `host: 10.0.0.25, username: u, password: {env: X}`
	for what, test := range map[string]struct {
		old, next *Config
		want      string
	}{
		"no password":               {with("host: 10.0.0.25"), with("host: 10.6.6.6, port: 26, tls: none"), ""},
		"no mail before":            {mustParse(t, "servers: [{name: M, address: 10.0.0.1}]"), with("host: 10.6.6.6"), ""},
		"a file of authorities":     {with("host: 10.0.0.25"), with("host: 10.0.0.25, ca_file: /etc/shadow"), "alerts.email.ca_file"},
		"another recipient":         {with(secret), with(secret + ", severity: critical"), ""},
		"elsewhere":                 {with(secret), with(`host: 10.6.6.6, username: u, password: {env: X}`), "alerts.email.host alerts.email.server_name"},
		"to another port":           {with(secret), with(secret + ", port: 2525"), "alerts.email.port"},
		"in the clear":              {with(secret), with(secret + ", tls: none"), "alerts.email.tls"},
		"by another name":           {with(secret), with(secret + ", server_name: x.example.com"), "alerts.email.server_name"},
		"of other authorities":      {with(secret), with(secret + ", ca_file: /tmp/x"), "alerts.email.ca_file"},
		"another user":              {with(secret), with(`host: 10.0.0.25, username: v, password: {env: X}`), "alerts.email.username"},
		"another password":          {with(secret), with(`host: 10.0.0.25, username: u, password: {file: /etc/failoverd/demo.sa}`), "alerts.email.password"},
		"a password where none was": {with("host: 10.0.0.25"), with(secret), "alerts.email.username alerts.email.password"},
		"without it":                {with(secret), with("host: 10.6.6.6"), ""},
	} {
		if got := strings.Join(HostOnlyOptions(test.old, test.next), " "); got != test.want {
			t.Errorf("%s: %q, want %q", what, got, test.want)
		}
	}
}
