package files

import (
	"errors"
	"fmt"
	"testing"
)

// TestByeBecauseOfTheRoot: whoever hears of it can tell that it is the root, and nothing else.
func TestByeBecauseOfTheRoot(t *testing.T) {
	if err := fmt.Errorf("talk: %w", &byeFrame{byeRoot, "unmounted"}); !errors.Is(err, ErrRoot) {
		t.Errorf("%v is not ErrRoot", err)
	}
	if err := (&byeFrame{byeEpoch, "older"}); errors.Is(err, ErrRoot) {
		t.Errorf("%v is ErrRoot", err)
	}
}
