// Package monitor decides. It is pure: it knows no clock, no network, no disk
// and no goroutine, and imports nothing but the standard library.
//
// Step takes the facts of one server and an event to new facts and effects.
// Four facts change independently: the operator's wish (Mode), what the probes
// say (Health), whether data is on its way (Activity), and who does the work
// (Role). The state that people see is derived from them in one place,
// Facts.State. What happens on an event is in one table, Table, which also
// draws the diagram in docs/states.md.
//
// Decide answers whether a failed server may be taken over, in four questions:
// is it us, is there room, may we, is the data fit. Each answer has its reason.
package monitor
