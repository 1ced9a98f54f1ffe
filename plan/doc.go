// Package plan turns an operation into a list of named steps that can be shown
// before it runs, is recorded while it runs, and is resumed or undone after a
// crash.
//
// Takeover and release are plans. The package is pure: it knows neither the
// network nor the disk. What it writes down goes to a Recorder, what it does is
// in the functions of the steps.
package plan
