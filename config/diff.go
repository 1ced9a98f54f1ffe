package config

import (
	"reflect"
	"slices"
	"strings"
)

// restartKeys are the keys, and sections ending in a dot, that a running daemon
// cannot change: its journal, its socket and its name are taken at the start.
var restartKeys = []string{"standby.name", "standby.data_dir", "standby.interface", "api.socket", "api.socket_group", "api.listen", "api.cert_file", "api.key_file"}

// NeedsRestart tells whether a change of key takes effect only after a restart.
func NeedsRestart(key string) bool {
	return slices.ContainsFunc(restartKeys, func(k string) bool {
		return key == k || strings.HasSuffix(k, ".") && strings.HasPrefix(key, k)
	})
}

// Diff names the keys whose meaning differs in next, in the order of the file,
// and those of them that take effect only after a restart. A server that came
// or went is named as "servers[NAME] (added)" or "(removed)".
func (c *Config) Diff(next *Config) (changed []string, needsRestart []string) {
	changed = append(changed, diffKeys("standby", c.Standby, next.Standby)...)
	changed = append(changed, diffKeys("alerts", c.Alerts, next.Alerts)...)
	changed = append(changed, diffKeys("api", c.API, next.API)...)
	for _, old := range c.Servers {
		key := "servers[" + old.Name + "]"
		i := slices.IndexFunc(next.Servers, func(s Server) bool { return s.Name == old.Name })
		if i < 0 {
			changed = append(changed, key+" (removed)")
			continue
		}
		changed = append(changed, diffKeys(key, old, next.Servers[i])...)
	}
	for _, s := range next.Servers {
		if !slices.ContainsFunc(c.Servers, func(old Server) bool { return s.Name == old.Name }) {
			changed = append(changed, "servers["+s.Name+"] (added)")
		}
	}
	for _, key := range changed {
		if NeedsRestart(key) {
			needsRestart = append(needsRestart, key)
		}
	}
	return changed, needsRestart
}

// diffKeys compares two values of one section by their key tags, each key once.
func diffKeys(path string, a, b any) []string {
	var changed []string
	walkDiff(path, reflect.ValueOf(a), reflect.ValueOf(b), func(key string) {
		if !slices.Contains(changed, key) {
			changed = append(changed, key)
		}
	})
	return changed
}

func walkDiff(path string, a, b reflect.Value, found func(key string)) {
	if a.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil() {
		a, b = a.Elem(), b.Elem()
	}
	if a.Kind() != reflect.Struct || !hasKeys(a.Type()) {
		if !reflect.DeepEqual(a.Interface(), b.Interface()) && !(isList(a) && a.Len() == 0 && b.Len() == 0) {
			found(path)
		}
		return
	}
	for i := range a.NumField() {
		if key := a.Type().Field(i).Tag.Get("key"); key != "" {
			walkDiff(join(path, key), a.Field(i), b.Field(i), found)
		}
	}
}

func isList(v reflect.Value) bool { return v.Kind() == reflect.Slice }

// hasKeys tells a section of ours from a value such as netip.Addr.
func hasKeys(t reflect.Type) bool {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("key") != "" {
			return true
		}
	}
	return false
}
