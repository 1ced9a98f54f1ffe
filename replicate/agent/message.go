package agent

import (
	"strings"
	"time"
	"unicode"

	"failoverd/replicate/files"
)

// Protocol is the version of what the two sides say to each other before a service begins.
const Protocol = 1

// What the standby may ask for. An agent has further services by name.
const (
	serviceHello = "hello" // only the answer
	servicePair  = "pair"
	serviceFiles = "files" // a tree's conversation

	serviceLook    = "look"    // how a tree is, for who may bring files back into it
	serviceBring   = "bring"   // a tree's conversation with the roles exchanged: files come back
	serviceAside   = "aside"   // what was set aside when they did
	serviceRestore = "restore" // one of that comes into its place again
	serviceRest    = "rest"    // a tree is looked at whole once more, and has come to rest
)

// Request is what the standby asks for.
type Request struct {
	Protocol  int    `json:"protocol"`
	Service   string `json:"service"`
	Version   string `json:"version"`             // of the failoverd that asks
	Directory string `json:"directory,omitempty"` // of files, look, bring, aside, restore: the tree
	Rules     Rules  `json:"rules,omitzero"`      // of files, look, bring: what of it
	Epoch     uint64 `json:"epoch,omitempty"`     // of files, look, bring: the takeover epoch of the standby
	Set       string `json:"set,omitempty"`       // of restore: when it was set aside; of aside: only what comes after
	Path      []byte `json:"path,omitempty"`      // of restore: what; of aside: only what comes after; need not be UTF-8
	Order     string `json:"order,omitempty"`     // of application: what to do with it
}

// Rules say what of a tree is copied; no inclusion includes everything.
type Rules struct {
	Include  []Rule `json:"include,omitempty"`
	Exclude  []Rule `json:"exclude,omitempty"`
	FoldCase bool   `json:"fold_case,omitempty"`
}

// Rule is files.Rule as it travels.
type Rule struct {
	Directory string   `json:"directory"`
	Patterns  []string `json:"patterns,omitempty"`
	Recursive bool     `json:"recursive,omitempty"`
}

// compile makes the rules ready.
func (r Rules) compile() (*files.Rules, error) {
	convert := func(list []Rule) (out []files.Rule) {
		for _, rule := range list {
			out = append(out, files.Rule(rule))
		}
		return out
	}
	return files.NewRules(convert(r.Include), convert(r.Exclude), r.FoldCase)
}

// Hello says who the agent is.
type Hello struct {
	Name     string    `json:"name"`
	Version  string    `json:"version"` // of its failoverd
	Protocol int       `json:"protocol"`
	BootID   string    `json:"boot_id"` // tells a restart of the agent from one of its host
	Time     time.Time `json:"time"`    // by its clock
}

// maxWord bounds what is taken of a text of the other side.
const maxWord = 100

// tame makes what an agent says of itself fit to be shown.
func (h *Hello) tame() {
	h.Name, h.Version, h.BootID = tame(h.Name, maxWord), tame(h.Version, maxWord), tame(h.BootID, maxWord)
}

// tame takes out of a text of the other side what does something to a terminal or a log, and what is too much.
func tame(text string, most int) string {
	clean := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text))
	return string(clean[:min(len(clean), most)])
}

// answer is what the agent answers: a problem, or who it is, and the service begins.
type answer struct {
	OK      bool     `json:"ok"`
	Hello   *Hello   `json:"hello,omitempty"` // not for strangers
	Proof   []byte   `json:"proof,omitempty"` // at the end of a pairing
	Problem *Problem `json:"problem,omitempty"`
}

// proofMessage is the standby's proof that it knows the code.
type proofMessage struct {
	Proof []byte `json:"proof"`
}

// Problem is why the agent refuses.
type Problem struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// The codes of problems.
const (
	NotPaired      = "not-paired"      // the standby is not the one that was paired
	WrongProtocol  = "wrong-protocol"  // the two versions cannot speak with each other
	BadRequest     = "bad-request"     //
	UnknownService = "unknown-service" //
	NotGranted     = "not-granted"     // the agent's configuration does not allow it
	Unavailable    = "unavailable"     // it may be asked again later
	NoCode         = "no-code"         // nobody waits for a pairing
	WrongCode      = "wrong-code"      //
	OlderEpoch     = "older-epoch"     // the tree has been the newer one since
)

// Error is the problem for people.
func (p *Problem) Error() string { return p.Detail }
