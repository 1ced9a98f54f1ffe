// Package chaos tells long stories in the lab, at random and yet the same ones for the same seed: a company works, things
// break, operators give orders, right ones and wrong ones, and users read and write all the time. What happened is
// recorded from outside, by packets, by what the kernels hold, by what lies on the disks, and by what failoverd says. A
// checker of pure functions states the six promises over that record, and names the first one that was broken.
//
//	story.go, generate.go    a story is data: lines that can be written down, told again, and made shorter
//	shrink.go                the shortest story that still goes wrong
//	history.go               what was seen
//	promises.go, ….go        the six promises, over what was seen
//	company.go, play.go, ….go  the world in the lab, and who plays the story in it
//
// `make chaos` tells stories for as long as one likes; see docs/chaos.md.
package chaos
