// Command console measures the console as a browser meets it, and what open ones cost the daemon. The real daemon watches 1, 20
// and 200 servers that answer, in namespaces of its own, and Debian's chromium opens its page over TLS:
//
//   - after a start of the daemon: from the start of the process to the first byte of the page, to the form that asks for a
//     token being painted, and from the token to the overview with its event stream being painted;
//   - the overview of somebody who is signed in, with an empty cache and with a full one;
//   - the daemon's memory and processor time without and with a hundred open consoles. One of them is chromium's; the others are
//     HTTP clients that ask for what the page asks for, when it does. Then once more while an operator gives an order every
//     second, which each of them is told of and asks about. Meanwhile one console more is opened again and again.
//
// Beside it stands monit, which pings the same hosts and shows them on a page, over TLS with the same key, and which the page has
// the browser load anew every two seconds. It is left out where it is not there; no test needs it.
//
// It needs root, or user namespaces, and chromium.
package main
