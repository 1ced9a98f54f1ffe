package agent

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// refusal is the code of the problem that an agent gave, empty if there was none.
func refusal(err error) string {
	if r, ok := errors.AsType[*RefusedError](err); ok {
		return r.Problem.Code
	}
	return ""
}

func TestPairingPinsBothSides(t *testing.T) {
	b := newBed(t, nil)
	if _, err := b.client.Hello(t.Context(), b.at); !strings.Contains(err.Error(), "no agent is paired at "+b.at.String()) {
		t.Errorf("before the pairing: %v", err)
	}
	k := b.pair(b.client)
	if k.Key != b.config.Identity.Key() || k.Name != "pbx" || k.Version != "1.0" || k.Heard.IsZero() {
		t.Errorf("the standby has pinned %+v", k)
	}
	if key, paired := b.server.Standby(); !paired || key != b.client.Key() {
		t.Errorf("the agent serves %v %v", key, paired)
	}

	// Both sides know it after a restart.
	b.stop()
	b.start()
	again, err := OpenClient(strings.TrimSuffix(b.client.dir.Name(), "/agents"), "1.1")
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	h, err := again.Hello(t.Context(), b.at)
	if err != nil || h.Name != "pbx" || h.BootID != "boot" || h.Protocol != Protocol || h.Time.IsZero() {
		t.Errorf("hello: %+v, %v", h, err)
	}
	list, err := again.Known()
	if err != nil || len(list) != 1 || list[0].Address != b.at || list[0].Heard.IsZero() || list[0].Paired.IsZero() {
		t.Errorf("known: %+v, %v", list, err)
	}
}

func TestACodeIsGoodOnce(t *testing.T) {
	b := newBed(t, nil)
	code := b.invite()
	if _, err := b.client.Pair(t.Context(), b.at, code); err != nil {
		t.Fatal(err)
	}
	other := newClient(t)
	if _, err := other.Pair(t.Context(), b.at, code); refusal(err) != NoCode {
		t.Errorf("a used code: %v", err)
	}
	if key, _ := b.server.Standby(); key != b.client.Key() {
		t.Error("the standby was replaced")
	}
}

func TestACodeExpires(t *testing.T) {
	b := newBed(t, nil)
	for name, made := range map[string]time.Time{
		"too old":           time.Now().Add(-InvitationLife - time.Second),
		"of another clock ": time.Now().Add(time.Hour),
	} {
		code, err := Invite(b.dir, made)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.client.Pair(t.Context(), b.at, code); refusal(err) != NoCode {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestACodeSurvivesFourWrongOnes(t *testing.T) {
	b := newBed(t, nil)
	code := b.invite()
	for range maxAttempts - 1 {
		if _, err := b.client.Pair(t.Context(), b.at, NewCode()); refusal(err) != WrongCode {
			t.Fatal(err)
		}
	}
	if _, err := b.client.Pair(t.Context(), b.at, code); err != nil {
		t.Error(err)
	}
}

// TestACodeIsVoidAfterFiveWrongOnes tries many at once, and has the agent killed in between: the count is on the disk.
func TestACodeIsVoidAfterFiveWrongOnes(t *testing.T) {
	b := newBed(t, nil)
	code := b.invite()
	for range 2 {
		if _, err := b.client.Pair(t.Context(), b.at, NewCode()); refusal(err) != WrongCode {
			t.Fatal(err)
		}
	}
	b.stop()
	b.start()
	var mu sync.Mutex
	codes := map[string]int{}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			_, err := b.client.Pair(t.Context(), b.at, NewCode())
			mu.Lock()
			defer mu.Unlock()
			codes[refusal(err)]++
		})
	}
	all.Wait()
	if codes[WrongCode] != 3 || codes[NoCode] != 7 {
		t.Errorf("answers: %v", codes)
	}
	if _, err := b.client.Pair(t.Context(), b.at, code); refusal(err) != NoCode {
		t.Errorf("the right code, too late: %v", err)
	}
	if _, err := os.Stat(b.dir.Name() + "/" + invitationFile); !os.IsNotExist(err) {
		t.Errorf("the code is still there: %v", err)
	}
}

// TestAttemptsAreCountedAcrossProcesses uses a code without the server, as another process would: the lock of the directory
// keeps the count.
func TestAttemptsAreCountedAcrossProcesses(t *testing.T) {
	dir := root(t)
	if _, err := Invite(dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	var tried atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, _ = redeem(dir, time.Now(), pin{}, func([]byte) bool {
				tried.Add(1)
				return false
			})
		})
	}
	all.Wait()
	if n := tried.Load(); n != maxAttempts {
		t.Errorf("the code was tried %d times, want %d", n, maxAttempts)
	}
}

// TestTheCodeIsNotWrittenDown looks for the code where the agent remembers it.
func TestTheCodeIsNotWrittenDown(t *testing.T) {
	b := newBed(t, nil)
	code := b.invite()
	text, err := b.dir.ReadFile(invitationFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{code.String(), strings.ReplaceAll(code.String(), "-", ""), string(code[:])} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%s has the code in it", text)
		}
	}
	info, err := b.dir.Stat(invitationFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// TestAProofIsGoodOnItsConnectionOnly makes a proof on one connection and gives it on another, with the same keys.
func TestAProofIsGoodOnItsConnectionOnly(t *testing.T) {
	b := newBed(t, nil)
	shared, err := b.invite().secret()
	if err != nil {
		t.Fatal(err)
	}
	proofOn := func(conn *tls.Conn) proofMessage {
		secret, err := exported(conn.ConnectionState())
		if err != nil {
			t.Fatal(err)
		}
		return proofMessage{prove(shared, asStandby, b.config.Identity.Key(), b.client.Key(), secret)}
	}
	first, second := b.raw(b.client.identity), b.raw(b.client.identity)
	recorded := proofOn(first)
	if a := b.request(second, Request{Protocol: Protocol, Service: servicePair}); !a.OK {
		t.Fatal(a.Problem)
	}
	if a := b.request(second, recorded); a.Problem == nil || a.Problem.Code != WrongCode || len(a.Proof) > 0 {
		t.Errorf("a replayed proof: %+v", a)
	}
	// On its own connection it would have been right.
	if a := b.request(first, Request{Protocol: Protocol, Service: servicePair}); !a.OK {
		t.Fatal(a.Problem)
	}
	if a := b.request(first, recorded); !a.OK {
		t.Errorf("the proof on its connection: %+v", a.Problem)
	}
}

// TestNobodyInTheMiddleIsPaired puts somebody with a key of his own between the two, who passes everything on.
func TestNobodyInTheMiddleIsPaired(t *testing.T) {
	b := newBed(t, nil)
	own, err := OpenIdentity(root(t))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", serverTLS(own))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	passed := make(chan []byte, 1)
	go func() {
		defer close(passed)
		near, err := l.Accept()
		if err != nil {
			return
		}
		defer near.Close()
		far, err := tls.Dial("tcp", b.at.String(), clientTLS(own, func(Key) error { return nil }))
		if err != nil {
			return
		}
		defer far.Close()
		var both sync.WaitGroup
		var heard strings.Builder
		both.Go(func() { _, _ = io.Copy(far, io.TeeReader(near, &heard)); _ = far.Close() })
		both.Go(func() { _, _ = io.Copy(near, far); _ = near.Close() })
		both.Wait()
		passed <- []byte(heard.String())
	}()
	at := l.Addr().(*net.TCPAddr).AddrPort()
	_, err = b.client.Pair(t.Context(), at, b.invite())
	if refusal(err) != WrongCode {
		t.Errorf("the standby pairs with somebody in the middle: %v", err)
	}
	if heard := <-passed; !strings.Contains(string(heard), `"proof"`) {
		t.Errorf("nothing was passed on: %q", heard)
	}
	if key, paired := b.server.Standby(); paired {
		t.Errorf("the agent has pinned %s", key.Fingerprint())
	}
	if list, err := b.client.Known(); err != nil || len(list) > 0 {
		t.Errorf("the standby has pinned %v, %v", list, err)
	}
}

// TestAnAgentMustKnowTheCodeToo has the standby pair with somebody who accepts every proof and gives it back.
func TestAnAgentMustKnowTheCodeToo(t *testing.T) {
	client := newClient(t)
	own, err := OpenIdentity(root(t))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", serverTLS(own))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		var r Request
		var p proofMessage
		_ = readFrame(conn, &r)
		_ = writeFrame(conn, answer{OK: true})
		_ = readFrame(conn, &p)
		_ = writeFrame(conn, answer{OK: true, Proof: p.Proof, Hello: &Hello{Name: "x"}})
	}()
	_, err = client.Pair(t.Context(), l.Addr().(*net.TCPAddr).AddrPort(), NewCode())
	if err == nil || !strings.Contains(err.Error(), "does not know the code") {
		t.Errorf("pairing with somebody who does not know the code: %v", err)
	}
	if list, err := client.Known(); err != nil || len(list) > 0 {
		t.Errorf("the standby has pinned %v, %v", list, err)
	}
	<-done
}

func TestAnotherStandbyReplacesTheOneBefore(t *testing.T) {
	b := newBed(t, func(c *ServerConfig) { c.Services = map[string]Service{"echo": echo{}} })
	b.pair(b.client)
	stream, _, err := b.client.Open(t.Context(), b.at, Request{Service: "echo"})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	other := newClient(t)
	b.pair(other)
	// The conversation of the one before is over.
	if _, err := io.ReadAll(stream); err == nil {
		t.Log("the stream ended in an orderly way")
	}
	if _, err := b.client.Hello(t.Context(), b.at); refusal(err) != NotPaired || !strings.Contains(err.Error(), "serves another standby") {
		t.Errorf("the standby before: %v", err)
	}
	if _, err := other.Hello(t.Context(), b.at); err != nil {
		t.Errorf("the new standby: %v", err)
	}
	if text := b.log.String(); !strings.Contains(text, "another standby is paired") || !strings.Contains(text, b.client.Key().Fingerprint()) {
		t.Errorf("the log does not say who was replaced:\n%s", text)
	}
}

func TestCodes(t *testing.T) {
	c := NewCode()
	text := c.String()
	if len(text) != 19 || strings.ContainsAny(text, "ILOU") {
		t.Errorf("code %s", text)
	}
	for _, typed := range []string{text, strings.ToLower(text), strings.ReplaceAll(text, "-", " "), " " + strings.ReplaceAll(text, "-", "") + "\n"} {
		if got, err := ParseCode(typed); err != nil || got != c {
			t.Errorf("%q: %v, %v", typed, got, err)
		}
	}
	if got, err := ParseCode("oOiI-lL00-0000-0000"); err != nil || got.String() != "0011-1100-0000-0000" {
		t.Errorf("letters like digits: %v, %v", got, err)
	}
	for _, typed := range []string{"", "7K3M", text + "0", "UUUU-UUUU-UUUU-UUUU", strings.Repeat("0", 15) + "é"} {
		if _, err := ParseCode(typed); err == nil || !strings.Contains(err.Error(), "16 letters and digits") {
			t.Errorf("%q: %v", typed, err)
		}
	}
}
