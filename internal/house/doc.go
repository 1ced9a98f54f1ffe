// Package house holds no code: its tests keep the rules by which the repository is laid out, so that a rule that is
// broken is broken on purpose and with a change here.
package house
