package replicate

import (
	"testing"
	"time"

	"failoverd/replicate/database"
)

func TestMeter(t *testing.T) {
	var m Meter
	start := time.Now()
	see := func(after time.Duration, phase string, done, total int64) (rate float64, percent, remaining *float64) {
		p := m.Observe(start.Add(after), "copy calls", database.Progress{Phase: phase, Done: done, Total: total})
		return p.Rate, p.Percent, p.Remaining
	}
	if rate, percent, remaining := see(0, "data", 100, 1000); rate != 0 || percent == nil || *percent != 10 || remaining != nil {
		t.Errorf("the first report: %v, %v, %v", rate, percent, remaining)
	}
	if rate, percent, remaining := see(2*time.Second, "data", 300, 1000); rate != 100 || *percent != 30 || *remaining != 7 {
		t.Errorf("the second: %v, %v, %v", rate, *percent, *remaining)
	}
	// The rate is that of the last seconds: what was fast and stands is not fast.
	for s := 3; s <= 20; s++ {
		see(time.Duration(s)*time.Second, "data", 300, 1000)
	}
	if rate, _, remaining := see(21*time.Second, "data", 300, 1000); rate != 0 || remaining != nil {
		t.Errorf("standing still: %v, %v", rate, remaining)
	}
	if rate, percent, remaining := see(22*time.Second, "indexes", 10, 0); rate != 0 || percent != nil || remaining != nil {
		t.Errorf("another phase, without a total: %v, %v, %v", rate, percent, remaining)
	}
	if _, percent, remaining := see(23*time.Second, "indexes", 20, 10); percent != nil || remaining != nil {
		t.Errorf("more than was expected: %v, %v", percent, remaining)
	}
}
