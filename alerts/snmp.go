package alerts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/gosnmp/gosnmp"

	"failoverd/journal"
)

// SNMPConfig says which management station is told, and how.
type SNMPConfig struct {
	Address   netip.AddrPort
	Version   string                 // v2c, or v3 with the user-based security model (RFC 3414)
	Community func() (string, error) // of v2c, read at each use

	Username string // of v3
	Auth     string // sha, sha256, sha512
	AuthKey  func() (string, error)
	Privacy  string // aes, aes256 or none
	PrivKey  func() (string, error)
	Engine   string // our engine ID (RFC 3411), as bytes

	Confirmed bool          // informs, which the station confirms, and not traps
	Timeout   time.Duration // of a whole exchange
	Started   time.Time     // when failoverd started: what is counted as its boots and its time
}

// SNMP sends alerts to a management station, as notifications of FAILOVERD-MIB.
type SNMP struct{ config SNMPConfig }

// NewSNMP returns a way to a station. It opens nothing yet.
func NewSNMP(c SNMPConfig) *SNMP {
	if c.Timeout <= 0 {
		c.Timeout = 5 * time.Second
	}
	return &SNMP{c}
}

// Send sends one notification. A trap has arrived as far as anybody can tell; an inform, when the station has confirmed it.
func (s *SNMP) Send(ctx context.Context, m Message) (answer string, retry bool, err error) {
	return s.send(ctx, m, nil)
}

// Dialogue sends a message like Send and tells how it went.
func (s *SNMP) Dialogue(ctx context.Context, m Message) ([]string, error) {
	hear := &transcript{}
	answer, _, err := s.send(ctx, m, hear)
	if err != nil {
		hear.note("not sent: " + err.Error())
		if cause := s.likelyCause(err); cause != "" {
			hear.note("likely cause: " + cause)
		}
		return hear.all(), err
	}
	hear.note(answer)
	return hear.all(), nil
}

// likelyCause explains an error of Send to a person.
func (s *SNMP) likelyCause(err error) string {
	if s.config.Confirmed && s.config.Version == "v2c" && errors.Is(err, errUnconfirmed) {
		return "nothing listens there, a firewall drops it, or the community is another one"
	}
	if errors.Is(err, errUnconfirmed) {
		return "nothing listens there, a firewall drops it, or the station does not know the user with these passwords"
	}
	return causeOf(err, "", "does the station listen on this port?")
}

var errUnconfirmed = errors.New("the station has not confirmed it")

func (s *SNMP) send(ctx context.Context, m Message, hear *transcript) (string, bool, error) {
	fail := func(err error) (string, bool, error) {
		return "", true, fmt.Errorf("SNMP %s at %s: %w", s.config.Version, s.config.Address, err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	station, err := s.station(ctx)
	if err != nil {
		return fail(err)
	}
	if err := station.Connect(); err != nil {
		return fail(err)
	}
	defer station.Conn.Close()
	what := map[bool]string{false: "trap", true: "inform"}[s.config.Confirmed]
	hear.note(fmt.Sprintf("%s by SNMP %s to %s: %s", what, s.config.Version, s.config.Address, notificationName(m.Notification)))
	if s.config.Version == "v3" && !s.config.Confirmed {
		hear.note(fmt.Sprintf("engine ID 0x%x, user %s", s.config.Engine, s.config.Username))
	}
	result, err := station.SendTrap(gosnmp.SnmpTrap{IsInform: s.config.Confirmed, Variables: s.variables(m.Notification, time.Now())})
	switch {
	case ctx.Err() != nil && s.config.Confirmed:
		return fail(errUnconfirmed)
	case err != nil && s.config.Confirmed:
		return fail(fmt.Errorf("%w: %w", errUnconfirmed, err))
	case err != nil:
		return fail(err)
	case !s.config.Confirmed:
		if err := complaint(station.Conn, datagramPatience); err != nil {
			return fail(err)
		}
		return "sent; nobody confirms a trap (confirmed: true has it confirmed)", false, nil
	case result == nil || result.Error != gosnmp.NoError || result.PDUType != gosnmp.GetResponse:
		return fail(errUnconfirmed)
	}
	return "the station has confirmed it", false, nil
}

// station is a management station to be told once.
func (s *SNMP) station(ctx context.Context) (*gosnmp.GoSNMP, error) {
	c := s.config
	g := &gosnmp.GoSNMP{
		Context: ctx, Target: c.Address.Addr().String(), Port: c.Address.Port(), Transport: "udp", Version: gosnmp.Version2c,
		Timeout: max(c.Timeout/2, 500*time.Millisecond), Retries: 1, MaxOids: gosnmp.MaxOids,
	}
	if c.Version != "v3" {
		community, err := c.Community()
		if err == nil && community == "" {
			err = errors.New("it is empty")
		}
		if err != nil {
			return nil, fmt.Errorf("read the community: %w", err)
		}
		g.Community = community
		return g, nil
	}
	usm := &gosnmp.UsmSecurityParameters{
		UserName: c.Username, AuthenticationProtocol: map[string]gosnmp.SnmpV3AuthProtocol{"sha": gosnmp.SHA, "sha256": gosnmp.SHA256, "sha512": gosnmp.SHA512}[c.Auth],
	}
	var err error
	if usm.AuthenticationPassphrase, err = passphrase(c.AuthKey); err != nil {
		return nil, fmt.Errorf("read auth_password: %w", err)
	}
	g.Version, g.SecurityModel, g.MsgFlags, g.SecurityParameters = gosnmp.Version3, gosnmp.UserSecurityModel, gosnmp.AuthNoPriv, usm
	if c.Privacy != "none" {
		g.MsgFlags = gosnmp.AuthPriv
		usm.PrivacyProtocol = map[string]gosnmp.SnmpV3PrivProtocol{"aes": gosnmp.AES, "aes256": gosnmp.AES256}[c.Privacy]
		if usm.PrivacyPassphrase, err = passphrase(c.PrivKey); err != nil {
			return nil, fmt.Errorf("read privacy_password: %w", err)
		}
	}
	if !c.Confirmed {
		// Of a trap the sender is the authority: its boots and its time have to grow, over restarts too. The seconds of the
		// clock at which it started do, and nothing has to be kept for them.
		usm.AuthoritativeEngineID = c.Engine
		usm.AuthoritativeEngineBoots = uint32(max(c.Started.Unix()-bootsBegan, 1))
		usm.AuthoritativeEngineTime = uint32(max(time.Since(c.Started)/time.Second, 0))
	}
	return g, nil
}

// bootsBegan is where boots are counted from: 2026 in seconds since 1970. They last until 2094 (RFC 3414 section 2.2).
const bootsBegan = 1767225600

// passphrase reads a key's password, which has eight characters at least (RFC 3414 section 11.2).
func passphrase(read func() (string, error)) (string, error) {
	text, err := read()
	if err == nil && len(text) < 8 {
		err = errors.New("it is shorter than 8 characters")
	}
	return text, err
}

// The names of FAILOVERD-MIB (packaging/FAILOVERD-MIB).
const (
	mibRoot     = ".1.3.6.1.4.1.8072.9999.9999.7070"
	mibAlarm    = mibRoot + ".0.1"
	mibClear    = mibRoot + ".0.2"
	mibNotice   = mibRoot + ".0.3"
	mibObjects  = mibRoot + ".1."
	sysUpTime   = ".1.3.6.1.2.1.1.3.0"
	snmpTrapOID = ".1.3.6.1.6.3.1.1.4.1.0"
)

// mibString is how many bytes a FailoverdText has at most.
const mibString = 255

// trapOf is the notification's type: something is wrong, it is over, or neither.
func trapOf(n Notification) (oid, name string) {
	switch {
	case n.Clears:
		return mibClear, "failoverdClear"
	case n.Severity == journal.Info:
		return mibNotice, "failoverdNotice"
	}
	return mibAlarm, "failoverdAlarm"
}

func notificationName(n Notification) string {
	_, name := trapOf(n)
	return name
}

// perceived are the severities of ITU-T X.733, as RFC 3877 numbers them.
func perceived(n Notification) int {
	switch {
	case n.Clears:
		return 1 // cleared
	case n.Severity == journal.Critical:
		return 3
	case n.Severity == journal.Warning:
		return 6
	}
	return 2 // indeterminate
}

// variables are what a notification carries, in the order of the MIB.
func (s *SNMP) variables(n Notification, now time.Time) []gosnmp.SnmpPDU {
	oid, _ := trapOf(n)
	list := []gosnmp.SnmpPDU{
		{Name: sysUpTime, Type: gosnmp.TimeTicks, Value: uint32(now.Sub(s.config.Started) / (10 * time.Millisecond))},
		{Name: snmpTrapOID, Type: gosnmp.ObjectIdentifier, Value: oid},
	}
	for i, value := range [...]any{
		n.Standby, n.Server, n.Alarm, n.Kind, perceived(n), n.State, n.Title, n.Summary, n.Reason,
		n.Time.Format(time.RFC3339), n.Since.Format(time.RFC3339), n.RunbookURL, n.ID,
	} {
		pdu := gosnmp.SnmpPDU{Name: fmt.Sprintf("%s%d.0", mibObjects, i+1), Type: gosnmp.Integer, Value: value}
		if text, ok := value.(string); ok {
			pdu.Type, pdu.Value = gosnmp.OctetString, clipped(clean(text), mibString)
		}
		list = append(list, pdu)
	}
	return list
}
