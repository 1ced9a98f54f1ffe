package sqlserver

import (
	"strings"
	"testing"

	"failoverd/replicate/database"
)

// Every combination of the three names has its answer, whoever has died before.
func TestSwapAndRollbackGoOnFromWhatStands(t *testing.T) {
	tests := []struct {
		stand              string // l live, s staging, p previous
		swap, back, theirs action // theirs: the live one was made by another run
	}{
		{"", impossible, nothing, nothing},
		{"l", nothing, dropLive, nothing},
		{"s", enter, nothing, nothing},
		{"p", impossible, bringBack, bringBack},
		{"ls", exchange, nothing, nothing},
		{"lp", nothing, dropLive, dropLive}, // an operator's order
		{"sp", enter, bringBack, bringBack},
		{"lsp", dropPrevious, nothing, nothing},
	}
	for _, tt := range tests {
		s := standing{
			live:     state{there: strings.Contains(tt.stand, "l")},
			staging:  state{there: strings.Contains(tt.stand, "s")},
			previous: state{there: strings.Contains(tt.stand, "p")},
		}
		if got := swapping(s); got != tt.swap {
			t.Errorf("%q: swap %v, want %v", tt.stand, got, tt.swap)
		}
		if got := takingBack(s, true); got != tt.back {
			t.Errorf("%q: rollback %v, want %v", tt.stand, got, tt.back)
		}
		if got := takingBack(s, false); got != tt.theirs {
			t.Errorf("%q of another run: rollback %v, want %v", tt.stand, got, tt.theirs)
		}
	}
}

// TestNothingBetweenTheNames: what takes long comes before the first rename, and only the second one after it.
func TestNothingBetweenTheNames(t *testing.T) {
	n := database.NamesOf("pbx_app")
	sealed := standing{live: state{there: true, online: true, readOnly: true}, staging: state{there: true, online: true}}
	got := renaming(exchange, n, sealed)
	const want = `ALTER DATABASE [pbx_app__new] SET SINGLE_USER WITH ROLLBACK IMMEDIATE;
ALTER DATABASE [pbx_app] SET READ_WRITE WITH ROLLBACK IMMEDIATE;
ALTER DATABASE [pbx_app] SET SINGLE_USER WITH ROLLBACK IMMEDIATE;
ALTER DATABASE [pbx_app] MODIFY NAME = [pbx_app__prev];
ALTER DATABASE [pbx_app__new] MODIFY NAME = [pbx_app];
ALTER DATABASE [pbx_app] SET MULTI_USER;
ALTER DATABASE [pbx_app__prev] SET MULTI_USER;`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestARenameThatFailedGoesOnFromWhereItIs(t *testing.T) {
	there := state{there: true}
	tests := []struct {
		was   action
		after standing
		next  action
		moved bool
	}{
		{exchange, standing{live: there, staging: there}, exchange, false},
		{exchange, standing{previous: there, staging: there}, enter, true},
		{exchange, standing{live: there, previous: there}, nothing, true},
		{enter, standing{staging: there}, enter, false},
		{enter, standing{live: there}, nothing, true},
		{bringBack, standing{previous: there}, bringBack, false},
		{bringBack, standing{live: there, staging: there}, nothing, true},
	}
	for _, tt := range tests {
		if next, moved := onward(tt.was, tt.after); next != tt.next || moved != tt.moved {
			t.Errorf("%v after %+v: %v, %v, want %v, %v", tt.was, tt.after, next, moved, tt.next, tt.moved)
		}
	}
}
