package api

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"failoverd/journal"
	"failoverd/status"
)

// Texts for people name servers: why one is not taken over names those that are silent as well, or the one that the standby stands
// in for. Whoever sees some servers only gets these texts without the names of the others. Nothing else of an answer is changed:
// what is about another server is not in it. Who may write back what was read, an admin, sees all servers.

// somebodyElse stands for the name of a server that the reader may not see.
const somebodyElse = "another server"

// isText reports whether the key of an answer has a text for people.
func isText(key string) bool {
	return slices.Contains([]string{
		"answer", "detail", "error", "evidence", "help", "latest", "limit", "message", "note", "problem", "problems", "reason", "refused", "summary",
		"text", "title", "try", "value", "why_not", "will",
	}, key)
}

// namesOf are the names of servers.
func namesOf(servers []status.Server) []string {
	names := make([]string, len(servers))
	for i, v := range servers {
		names[i] = v.Name
	}
	return names
}

// discreet returns what puts other words for those names of servers that the caller may not see.
func discreet(c *caller, names []string) func(string) string {
	if !slices.ContainsFunc(names, func(name string) bool { return !c.sees(name) }) {
		return func(text string) string { return text }
	}
	// The longest first: one name may begin another one.
	quoted := slices.SortedFunc(slices.Values(names), func(a, b string) int { return len(b) - len(a) })
	for i, name := range quoted {
		quoted[i] = regexp.QuoteMeta(name)
	}
	whole := regexp.MustCompile(`\b(` + strings.Join(quoted, "|") + `)(\b|$)`)
	return func(text string) string {
		return whole.ReplaceAllStringFunc(text, func(name string) string {
			if c.sees(name) {
				return name
			}
			return somebodyElse
		})
	}
}

// hide is discreet for whoever sent a request.
func (s *Server) hide(c *caller) func(string) string {
	if c == nil || c.servers == nil {
		return nil
	}
	return discreet(c, namesOf(s.standby.Snapshot().Servers))
}

// discretely is an answer with its texts changed by hide. The answer itself stays as it is: parts of it are everybody's.
func discretely[T any](answer T, hide func(string) string) T {
	if hide == nil {
		return answer
	}
	return changed(reflect.ValueOf(&answer).Elem(), "", hide).Interface().(T) //nolint:forcetypeassert // it is a copy
}

// changed is a copy of v, the value of that key, with its texts changed.
func changed(v reflect.Value, key string, hide func(string) string) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.String:
		out.SetString(v.String())
		if isText(key) {
			out.SetString(hide(v.String()))
		}
		return out
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out.Set(reflect.New(v.Type().Elem()))
		out.Elem().Set(changed(v.Elem(), key, hide))
		return out
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		out.Set(changed(v.Elem(), key, hide))
		return out
	case reflect.Slice:
		if v.IsNil() || v.Type().Elem().Kind() == reflect.Uint8 {
			return v
		}
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(changed(v.Index(i), key, hide))
		}
		return out
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		for each := v.MapRange(); each.Next(); {
			out.SetMapIndex(each.Key(), changed(each.Value(), key, hide))
		}
		return out
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return v
		}
		out.Set(v)
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				if key == "evidence" {
					name = key
				}
				out.Field(i).Set(changed(v.Field(i), name, hide))
			}
		}
		return out
	default:
		return v
	}
}

// discreetMessages make the messages of a stream for a caller, nil if it gets them as everybody does.
func (s *Server) discreetMessages(c *caller) func(told) []byte {
	if c.servers == nil {
		return nil
	}
	var names []string
	var hide func(string) string // by these names, which seldom change
	return func(e told) []byte {
		if now := namesOf(s.standby.Snapshot().Servers); hide == nil || !slices.Equal(names, now) {
			names, hide = now, discreet(c, now)
		}
		list, err := tell([]journal.Event{discretely(e.Event, hide)})
		if err != nil { // It was told once already.
			s.log.Error("make a message of a stream", "err", err)
			return nil
		}
		return list[0].message
	}
}
