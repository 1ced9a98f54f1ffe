package mysql

import "testing"

// TestOnlyOurOwnSessionIsEnded has a session ended whose server is not the one any more that answers at its address:
// whoever has its number there goes on working.
func TestOnlyOurOwnSessionIsEnded(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	at := func(host string) *session {
		t.Helper()
		m := s.source
		if host == "standby" {
			m = s.target
		}
		one, err := dial(t.Context(), end(host, m, ""), "")
		if err != nil {
			t.Fatal(err)
		}
		return one
	}
	ours, other := at("pbx"), at("standby")
	for ours.id != other.id {
		if ours.id < other.id {
			ours.hangUp()
			ours = at("pbx")
		} else {
			other.hangUp()
			other = at("standby")
		}
	}
	defer other.hangUp()
	defer ours.hangUp()

	moved := *ours
	moved.end = other.end
	moved.kill()
	if _, err := other.column(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("the session of the other server was ended: %v", err)
	}
	ours.kill()
	if _, err := ours.column(t.Context(), "SELECT 1"); err == nil {
		t.Error("our own session was not ended")
	}
}
