// Package status is what people see: one snapshot of the standby and of every
// server, computed in one place from the facts. Command line, API, console,
// mail and metrics all read it, so they cannot disagree.
//
// The types are the documents of the API: every key is always there, times are
// RFC 3339 with offset, durations end in _s, and unknown is null.
package status
