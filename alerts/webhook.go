package alerts

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"time"
)

// Bounds of what a receiver may answer.
const (
	answerHead = 16 << 10 // bytes of the headers
	answerBody = 4 << 10  // bytes of the body; more is not read
)

// WebhookConfig says where a webhook is and how it is signed.
type WebhookConfig struct {
	URL     string                 // shown to nobody: receivers are told apart by tokens in it
	CAFile  string                 // trusted beside the system's authorities; empty: those alone
	Secret  func() (string, error) // of the signature, read at each use
	Timeout time.Duration          // of a whole exchange, beside that of ctx; 0: ten seconds
	Agent   string                 // what the request says that it comes from
}

// Webhook posts alerts to one receiver, each over a connection of its own.
type Webhook struct{ config WebhookConfig }

// NewWebhook returns a webhook. It opens nothing yet.
func NewWebhook(c WebhookConfig) *Webhook {
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	return &Webhook{c}
}

// Send posts the notification. It has arrived when the receiver answers with a status of 2xx, whatever follows.
func (w *Webhook) Send(ctx context.Context, m Message) (answer string, retry bool, err error) {
	return w.send(ctx, m, nil)
}

// Dialogue sends a message like Send and returns what both sides said. The secret and the address's path are not in it.
func (w *Webhook) Dialogue(ctx context.Context, m Message) ([]string, error) {
	hear := &transcript{}
	_, _, err := w.send(ctx, m, hear)
	if err != nil {
		hear.note("not sent: " + err.Error())
		if cause := likelyWebhookCause(err); cause != "" {
			hear.note("likely cause: " + cause)
		}
	}
	return hear.all(), err
}

// send is Send; hear, if not nil, is told what is said.
func (w *Webhook) send(ctx context.Context, m Message, hear *transcript) (answer string, retry bool, err error) {
	target, err := url.Parse(w.config.URL)
	if err != nil {
		return "", true, errors.New("the address of the webhook cannot be understood") // The error would show it.
	}
	secret, err := w.config.Secret()
	if err == nil && secret == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", true, fmt.Errorf("read the secret of the webhook: %w", err)
	}
	hear.mask(secret)
	trust, err := authorities(w.config.CAFile)
	if err != nil {
		return "", true, fmt.Errorf("read the webhook's authority: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, w.config.Timeout)
	defer cancel()
	body := m.Notification.document()
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, hear.trace()), http.MethodPost, w.config.URL, bytes.NewReader(body))
	if err != nil {
		return "", true, errors.New("the address of the webhook cannot be asked")
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", w.config.Agent)
	request.Header.Set("Failoverd-Id", m.Notification.ID)
	request.Header.Set("Failoverd-Event", m.Notification.Kind)
	request.Header.Set(SignatureHeader, Sign(secret, time.Now(), body))
	hear.add("C", fmt.Sprintf("POST to %s, %d bytes of JSON, signed", target.Host, len(body)))

	client := plainClient(&tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12})
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return "", true, conceal(fmt.Errorf("webhook at %s: %w", target.Host, unwrapped(ctx, err)), secret)
	}
	defer response.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(response.Body, answerBody)) // The status says all that matters.
	shown, _ := hide(say(string(bytes.ToValidUTF8(said, []byte("?")))), secret)
	answer = response.Status
	hear.add("S", answer)
	if shown != "" {
		hear.add("S", shown)
		answer += ": " + shown
	}
	return w.judge(target.Host, response, answer)
}

// plainClient asks once and directly: no proxy of the environment, no connection kept, nobody followed to elsewhere.
func plainClient(t *tls.Config) *http.Client {
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: t, DisableKeepAlives: true, MaxResponseHeaderBytes: answerHead},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// unwrapped is why a request failed, without its address.
func unwrapped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("no answer in time: %w", context.Cause(ctx))
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err // The text around it has the whole address.
	}
	return err
}

// judge says what a receiver's answer means. What it says for good about this alert is not repeated; what somebody can
// correct, a wrong path or a wrong secret, is tried again, and the alert is still wanted then.
func (w *Webhook) judge(host string, response *http.Response, answer string) (string, bool, error) {
	switch code := response.StatusCode; {
	case code >= 200 && code < 300:
		return answer, false, nil
	case code >= 300 && code < 400:
		return "", true, fmt.Errorf("webhook at %s: %s: it sends elsewhere, and is not followed", host, response.Status)
	default:
		final := code == http.StatusBadRequest || code == http.StatusGone || code == http.StatusRequestEntityTooLarge || code == http.StatusUnprocessableEntity
		return "", !final, fmt.Errorf("webhook at %s: %s", host, answer)
	}
}

// SignatureHeader is the header of a webhook that says when it was sent and proves who has sent it.
const SignatureHeader = "Failoverd-Signature"

// Sign gives the value of SignatureHeader: t= and the seconds since 1970, v1= and the HMAC-SHA256 of those digits, a dot
// and the body, in hexadecimal digits.
func Sign(secret string, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// trace has the transcript told of the connection. A nil transcript hears nothing.
func (t *transcript) trace() *httptrace.ClientTrace {
	if t == nil {
		return &httptrace.ClientTrace{}
	}
	return &httptrace.ClientTrace{
		ConnectDone: func(_, address string, err error) {
			if err == nil {
				t.note("connected to " + address)
			}
		},
		TLSHandshakeDone: func(state tls.ConnectionState, err error) {
			if err == nil {
				t.note(tls.VersionName(state.Version) + ", the certificate is trusted")
			}
		},
	}
}

// likelyWebhookCause explains an error of Send to a person.
func likelyWebhookCause(err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "the name of the receiver cannot be looked up: write its address in the webhook's url"
	}
	return causeOf(err, "the webhook's ca_file", "is the port right, and does the receiver run?")
}
