package api

import (
	"strings"
	"testing"
)

// FuzzBody: whatever the body is, the answer is either the order's or a problem,
// and an order reaches the standby only with a readable reason and names of
// checks.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"reason":"x"}`, `{"accept":["a-b"]}`, `{"accept":null}`, `null`, `{"reason":null}`, "[", `{"reason":"\ud800"}`, `{"reason":"a","reason":"b"}`} {
		f.Add([]byte(seed), "application/json", "true")
	}
	standby := newFakeStandby()
	s, err := New(Config{Standby: standby, History: noHistory{}, Limits: Limits{Rate: 1e9, Burst: 1e9}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType, dryRun string) {
		standby.set(func(f *fakeStandby) { f.given = nil })
		answer := orderDirectly(t.Context(), s, body, contentType, dryRun)
		orders := standby.orders()
		switch answer.Code {
		case 200, 202:
			if len(orders) != 1 || (answer.Code == 200) != (orders[0].What == "preview") {
				t.Errorf("answer %d, orders %+v", answer.Code, orders)
			}
			for _, o := range orders {
				if !plain(o.Order.Reason) || len(o.Order.Accept) > 16 || strings.ContainsAny(strings.Join(o.Order.Accept, ""), " \n\x00") {
					t.Errorf("order %+v", o)
				}
			}
		default:
			if len(orders) != 0 {
				t.Errorf("answer %d, and yet orders: %+v", answer.Code, orders)
			}
			if answer.Header().Get("Content-Type") != problemType || answer.Code >= 500 {
				t.Errorf("answer %d %s: %s", answer.Code, answer.Header().Get("Content-Type"), answer.Body)
			}
		}
	})
}
