// Package takeover is what a takeover and a release consist of: the plans, the
// inquiry that asks the segment whether an address is still held, and the watch
// over what the standby holds while it stands in.
package takeover
