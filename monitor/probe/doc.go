// Package probe asks whether a host is there, and says answered, missed or
// unknown: unknown is what the standby itself is to blame for, and counts toward
// nothing.
//
// Two ways of asking live here, for two kinds of question.
//
// A [Pinger] keeps the beat of every primary. All targets share one raw ICMP
// socket for each address family (where raw sockets are not permitted, eight
// datagram sockets), one goroutine, one timer and one table. A [Prober] asks one
// question: [Ping], by pro-bing, when an assumed address is verified or a witness
// is heard; [TCP], [HTTP] and [Command] for what an operator configures, each kept
// at its own beat by a [Schedule].
//
// # Why the beat is not kept by pro-bing
//
// pro-bing is the library of this project for pings, and is right for a question
// that is asked now and then. Its way is one socket and four goroutines for each
// Pinger, and that is what limits:
//
//   - Every raw ICMP socket of a host is offered every ICMP packet of the host, so
//     that n Pingers cost n² deliveries. Kept open for 5,000 targets they lost nine
//     pings of ten. A new Pinger for each ping has its socket open only while the
//     ping is out, but for dead targets that is the whole time-out.
//   - It has no time-out for a single ping of a long-lived Pinger, and no way to
//     tell a late answer from none.
//   - It takes the time when its goroutine runs. On a busy host that is the host's
//     lateness and not the target's; here the kernel's own time stamps
//     (SO_TIMESTAMPNS) decide, and the socket is read before anything is judged.
//   - Its RTT is computed with the wall clock, and it goes round for ever when
//     sending is prohibited (EACCES).
//
// Processor time of one ping, in µs, one ping a second for each target, measured
// by bench/ping beside fping in the same run (docs/performance.md has all of it):
//
//	way                              100 targets  1,000  5,000  5,000, half dead
//	Pinger                                    77     18     10    10
//	fping                                     58     39     38    36
//	pro-bing, a new Pinger per ping          384    218    128  1,091 and misses
//	smokeping_prober (pro-bing kept)       1,024    was not ready after 20 s
//
// What costs is waking up. With few targets each ping and each answer has a
// wake-up of its own, and a time-out is noticed about 0.1 ms after it is due.
// From 50 pings a second on, beats are put on a grid of a hundredth of their
// interval, so that several share a wake-up, and answers are read together with
// the next sends: they carry their time with them.
//
// # What is taken care of
//
// An answer counts if it comes from the right address with the identifier, the
// sequence and the 64-bit random token of a ping that is still awaited, and not
// over the loopback: one's own kernel would answer for an address of one's own.
// The identifier changes at the first miss. The schedule is absolute and all
// arithmetic monotonic. A standby that was stopped or suspended throws away what
// was out. See RFC 792 and RFC 4443 for the packets.
package probe
