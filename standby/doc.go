// Package standby is the one who acts. One loop owns the facts of every server:
// it takes an event to monitor.Step, writes what changed to the journal, waits
// until that is durable, and then carries out the effects, each as a task whose
// end is again an event.
//
// Nothing in the loop waits for the network, for mail, for DNS or for a
// command. The only thing that it waits for is the journal.
package standby
