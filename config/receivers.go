package config

import (
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"time"
)

func (v *validator) snmp(raw rawSNMP, taken map[string]bool) SNMP {
	s := SNMP{
		Name: v.channel(raw.Name, raw.spot, taken), Version: v.choice(raw.Version, "v3", "v2c", "v3"),
		Community: raw.Community.value, Username: raw.Username.value, AuthPassword: raw.AuthPassword.value, PrivacyPassword: raw.PrivacyPassword.value,
		Auth: v.choice(raw.Auth, "sha256", "sha", "sha256", "sha512"), Privacy: v.choice(raw.Privacy, "aes", "aes", "aes256", "none"),
		Confirmed: v.truth(raw.Confirmed, true),
		Severity:  v.severity(raw.Severity, "info"), Timeout: v.lasting(raw.Timeout, 5*time.Second, time.Second, time.Minute),
	}
	if v.required(raw.Address.spot, raw.spot, "address", "write the station's address and port, such as 192.168.11.8:162") {
		s.Address = v.endpoint(raw.Address)
	}
	if s.Version == "v2c" {
		v.required(raw.Community.spot, raw.spot, "community", "write the community: {file: PATH}, {env: VARIABLE} or {credential: NAME}")
		v.r.notice(raw.spot, "SNMP v2c sends its community and what it says in the clear", "write version: v3 where the station can")
		for _, at := range []spot{raw.Username.spot, raw.Auth.spot, raw.AuthPassword.spot, raw.Privacy.spot, raw.PrivacyPassword.spot} {
			if at.set() {
				v.r.error(at, "v2c knows no users", "remove the key, or write version: v3")
			}
		}
		return s
	}
	if raw.Community.set() {
		v.r.error(raw.Community.spot, "v3 knows no communities", "remove the key, or write version: v2c")
	}
	if v.required(raw.Username.spot, raw.spot, "username", "write the user that the station knows failoverd by") && len(s.Username) > 32 {
		v.r.error(raw.Username.spot, "the user's name is longer than 32 characters", "write a shorter one")
	}
	v.required(raw.AuthPassword.spot, raw.spot, "auth_password", "write the password: {file: PATH}, {env: VARIABLE} or {credential: NAME}")
	switch {
	case s.Privacy != "none":
		v.required(raw.PrivacyPassword.spot, raw.spot, "privacy_password", "write the password, or privacy: none")
	case raw.PrivacyPassword.set():
		v.r.error(raw.PrivacyPassword.spot, "there is a password for an encryption that is switched off", "remove the key, or write privacy: aes")
	}
	return s
}

// facilities are the names of RFC 5424's facilities that a program of ours may use, at their numbers.
var facilities = []string{1: "user", 3: "daemon", 4: "auth", 16: "local0", 17: "local1", 18: "local2", 19: "local3", 20: "local4", 21: "local5", 22: "local6", 23: "local7"}

// FacilityCode is the number of a facility (RFC 5424 section 6.2.1).
func (s Syslog) FacilityCode() int { return slices.Index(facilities, s.Facility) }

func (v *validator) syslog(raw rawSyslog, taken map[string]bool) Syslog {
	named := slices.DeleteFunc(slices.Clone(facilities), func(name string) bool { return name == "" })
	s := Syslog{
		Name: v.channel(raw.Name, raw.spot, taken), Transport: v.choice(raw.Transport, "udp", "udp", "tcp", "tls"),
		CAFile: v.absolute(raw.CAFile, ""), Facility: v.choice(raw.Facility, "daemon", named...),
		Severity: v.severity(raw.Severity, "info"), Timeout: v.lasting(raw.Timeout, 10*time.Second, time.Second, time.Minute),
	}
	if v.required(raw.Address.spot, raw.spot, "address", "write the receiver's address and port, such as 192.168.11.9:514") {
		s.Address = v.endpoint(raw.Address)
	}
	if raw.ServerName.good() && raw.ServerName.set() {
		if s.ServerName = raw.ServerName.value; !hostNames.MatchString(s.ServerName) {
			v.r.errorf(raw.ServerName.spot, "write the name that is in the receiver's certificate, such as logs.example.com", "%s is no host name", show(s.ServerName))
		}
	}
	for _, at := range []spot{raw.ServerName.spot, raw.CAFile.spot} {
		if at.set() && s.Transport != "tls" {
			v.r.error(at, "by "+s.Transport+" there is no certificate", "remove the key, or write transport: tls")
		}
	}
	return s
}

// EngineID is the name by which SNMP v3 knows a standby (RFC 3411, snmpEngineID): below Net-SNMP's number, the standby's
// name, or for a long one a part of its hash.
func EngineID(standby string) string {
	const enterprise = "\x80\x00\x1f\x88"
	if len(standby) <= 27 {
		return enterprise + "\x04" + standby
	}
	sum := sha256.Sum256([]byte(standby))
	return enterprise + "\x05" + string(sum[:16])
}

// describeReceivers says who is told by SNMP and syslog.
func (c *Config) describeReceivers(w io.Writer) {
	for _, s := range c.Alerts.SNMP {
		how := "by informs, which it confirms"
		if !s.Confirmed {
			how = "by traps"
		}
		as := "as user " + s.Username
		if s.Version == "v2c" {
			as = "with the community from: " + s.Community.Source()
		}
		fmt.Fprintf(w, "SNMP %s: the station at %s is told by %s %s, %s%s\n", s.Name, s.Address, s.Version, as, how, atLeast(s.Severity))
		if s.Version == "v3" && !s.Confirmed {
			fmt.Fprintf(w, "  The station has to know the engine ID 0x%x.\n", EngineID(c.Standby.Name))
		}
	}
	for _, s := range c.Alerts.Syslog {
		fmt.Fprintf(w, "Syslog %s: to %s by %s, facility %s%s\n", s.Name, s.Address, s.Transport, s.Facility, atLeast(s.Severity))
	}
}
