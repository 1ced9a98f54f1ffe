package api

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// As many go through as there are places; the next one when somebody leaves.
func TestTurnstile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTurnstile(2)
		first, _ := s.enter(t.Context())
		second, _ := s.enter(t.Context())
		third := make(chan func(), 1)
		go func() {
			leave, _ := s.enter(t.Context())
			third <- leave
		}()
		synctest.Wait()
		if len(third) != 0 {
			t.Error("three went through a turnstile of two places")
		}
		first()
		synctest.Wait()
		if len(third) != 1 {
			t.Fatal("the place of whoever left was not given to the next one")
		}
		second()
		(<-third)()
	})
}

// Whoever waits for a client that does not read keeps nobody else, and gives back one place and not two.
func TestTurnstileDoesNotWaitForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTurnstile(1)
		slow, _ := s.enter(t.Context())
		began := time.Now()
		second, _ := s.enter(t.Context())
		if took := time.Since(began); took != turnstileTime {
			t.Errorf("the next one waited %s, want %s", took, turnstileTime)
		}
		slow()
		ctx, cancel := context.WithTimeout(t.Context(), turnstileTime/2)
		defer cancel()
		if _, ok := s.enter(ctx); ok {
			t.Error("whoever lost the place gave back that of another one")
		}
		second()
	})
}
