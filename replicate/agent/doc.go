// Package agent is the way between a standby and the agent on its primary: who they are (identity.go), how they come to
// know each other (pairing.go), the agent's server and the standby's client.
//
// One connection has one purpose. After the handshake, TLS 1.3 with a key on both sides, the standby writes one request
// and the agent one answer (message.go); from then on the connection belongs to the service that was asked for. Whoever
// is not the paired standby can ask for the pairing and for nothing else.
package agent
