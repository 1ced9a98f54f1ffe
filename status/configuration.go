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
