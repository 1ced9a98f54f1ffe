package status

// ServerConfiguration is the file of servers.d that says how one server is watched.
type ServerConfiguration struct {
	Server   string `json:"server"`
	File     string `json:"file" doc:"Where it stands on the standby"`
	Text     string `json:"text" doc:"The file as it is, comments included; empty if it is not editable"`
	Editable bool   `json:"editable" doc:"False: it can be changed on the standby itself only"`
	WhyNot   string `json:"why_not" doc:"Why it is not editable, empty if it is"`
	Revision string `json:"revision" doc:"Names this text; the ETag has it too"`
}

// ServerChange is what a server's file of servers.d is to become.
type ServerChange struct {
	Server   string
	Text     []byte // nil: the server is removed
	New      bool   // there is no such server yet
	Revision string // of the text that was looked at; not of a new one
	DryRun   bool   // check it and try it, and change nothing
}

// Configured is what came of a change of a server's configuration, or what would come of it.
type Configured struct {
	Server   string          `json:"server"`
	Valid    bool            `json:"valid" doc:"Nothing refuses it"`
	Saved    bool            `json:"saved" doc:"It is on the disk and in force; false after a dry run"`
	Revision string          `json:"revision" doc:"Of the text, empty of a server that is removed"`
	Problems []ConfigProblem `json:"problems" nullable:"false" doc:"What refuses it, with line and key"`
	Changed  []string        `json:"changed" nullable:"false" doc:"The keys whose meaning changes"`
	Notices  []string        `json:"notices" nullable:"false" doc:"What is to be said about the configuration that this makes"`
	Trials   []Trial         `json:"trials" nullable:"false" doc:"Of a dry run: what was asked of the primary and of the databases, and what came of it"`
}

// ConfigProblem is one thing that is wrong with a configuration.
type ConfigProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line" doc:"From 1"`
	Column  int    `json:"column" doc:"From 1"`
	Key     string `json:"key" doc:"Empty: the whole file"`
	Problem string `json:"problem"`
	Expect  string `json:"expect" doc:"What to write instead, empty if that is plain"`
}

// Trial is one question that was put once, before anything depends on the answer.
type Trial struct {
	Name   string `json:"name" doc:"ping 192.168.11.1, probe web, agent, database CTSERVER, read files vm, write files vm"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail" doc:"What was found, or why not"`
}

// Options are the keys of failoverd.yaml that may also be set over the API, which writes them into a file of their own.
type Options struct {
	File     string   `json:"file" doc:"Where they are written, on the standby; it stands over failoverd.yaml"`
	Editable bool     `json:"editable" doc:"False: they can be changed on the standby itself only"`
	WhyNot   string   `json:"why_not" doc:"Why they are not editable, empty if they are"`
	Try      string   `json:"try" doc:"A command on the standby that helps, empty if they are editable"`
	Revision string   `json:"revision" doc:"Names the text of the file; the ETag has it too"`
	Options  []Option `json:"options" nullable:"false"`
}

// Option is one of them, and what is written under it.
type Option struct {
	Key      string   `json:"key" doc:"alerts.email.host"`
	Kind     string   `json:"kind" doc:"text, number, duration, choice, list or secret" enum:"text,number,duration,choice,list,secret"`
	Choices  []string `json:"choices" nullable:"false" doc:"Of a choice"`
	Meaning  string   `json:"meaning" doc:"What it does, as the configuration reference says it"`
	Default  string   `json:"default" doc:"What holds if it is written nowhere: a value, or words in brackets"`
	Restart  bool     `json:"restart" doc:"A change takes effect only after a restart of failoverd"`
	HostOnly bool     `json:"host_only" doc:"As things stand it is changed on the standby itself only: it decides where a password goes, or names a file that is read"`
	Values   []string `json:"values" nullable:"false" doc:"What is written: one value, or those of a list. Of a secret where it is, as file:PATH, env:VARIABLE or credential:NAME, or text if it is written out; never the secret"`
	Where    string   `json:"where" doc:"The file and line where it is written, empty if the default holds"`
	Own      bool     `json:"own" doc:"It is written in the file of options, and can be reset"`
	Beneath  string   `json:"beneath" doc:"Where it is written as well, and what would hold if it were reset; empty: the default"`
}

// OptionChange is what one option is to become.
type OptionChange struct {
	Key    string   `json:"key" maxLength:"100" doc:"alerts.email.host"`
	Values []string `json:"values" required:"false" maxItems:"100" doc:"One value as it is written in YAML without quotes, or those of a list; of a secret file:PATH, env:VARIABLE or credential:NAME"`
	Reset  bool     `json:"reset,omitempty" doc:"Take it away: what failoverd.yaml says holds, or else the default. Without values"`
}

// OptionsChange is a change of options. All of it is made, or nothing.
type OptionsChange struct {
	Changes  []OptionChange
	Revision string // of the text that was looked at
	DryRun   bool   // check it, and change nothing
	TestMail bool   // send a test mail to each recipient, in the way that the change would make; of a dry run
}

// OptionsConfigured is what came of a change of options, or what would come of it.
type OptionsConfigured struct {
	Valid        bool            `json:"valid" doc:"Nothing refuses it"`
	Saved        bool            `json:"saved" doc:"It is on the disk and in force; false after a dry run"`
	Revision     string          `json:"revision" doc:"Of the text of the file"`
	Problems     []ConfigProblem `json:"problems" nullable:"false" doc:"What refuses it, with the option"`
	Changed      []string        `json:"changed" nullable:"false" doc:"The keys whose meaning changes, those of servers too"`
	NeedsRestart []string        `json:"needs_restart" nullable:"false" doc:"Those of them that take effect only after a restart of failoverd"`
	Notices      []string        `json:"notices" nullable:"false" doc:"What is to be said about the configuration that this makes"`
	Mails        []TestMail      `json:"mails" nullable:"false" doc:"With test_mail: what came of each test mail"`
}
