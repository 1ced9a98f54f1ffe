package config

import "reflect"

// The raw types are what may be written: each field is one key, and nothing
// else is accepted. The decoder fills them by reflection, so that a key is
// written down here once. A field that is not written has a spot that is not
// set. Fields of one structure that share an either tag exclude each other.

type rawFile struct {
	spot
	Standby  rawStandby      `yaml:"standby"`
	Alerts   rawAlerts       `yaml:"alerts"`
	API      rawAPI          `yaml:"api"`
	Defaults rawServer       `yaml:"defaults"`
	Servers  list[rawServer] `yaml:"servers"`
}

type rawStandby struct {
	spot
	Name      text       `yaml:"name"`
	DataDir   text       `yaml:"data_dir"`
	Interface text       `yaml:"interface"`
	Capacity  number     `yaml:"capacity"`
	AtOnce    number     `yaml:"replications_at_once"`
	Witnesses list[text] `yaml:"witnesses"`
	Settle    duration   `yaml:"settle"`
}

type rawAlerts struct {
	spot
	Email       rawEmail              `yaml:"email"`
	Webhooks    list[rawWebhook]      `yaml:"webhooks"`
	Commands    list[rawAlertCommand] `yaml:"commands"`
	SNMP        list[rawSNMP]         `yaml:"snmp"`
	Syslog      list[rawSyslog]       `yaml:"syslog"`
	DailyReport text                  `yaml:"daily_report"`
	RemindEvery duration              `yaml:"remind_every"`
	Suspended   duration              `yaml:"remind_suspended"`
	Escalation  rawEscalation         `yaml:"escalation"`
	Heartbeat   rawHeartbeat          `yaml:"heartbeat"`
	Templates   list[rawTemplate]     `yaml:"templates"`
}

type rawTemplate struct {
	spot
	Kind    text `yaml:"kind"`
	Subject text `yaml:"subject"`
	Body    text `yaml:"body"`
}

type rawHeartbeat struct {
	spot
	URL     text     `yaml:"url"`
	Method  text     `yaml:"method"`
	CAFile  text     `yaml:"ca_file"`
	Every   duration `yaml:"every"`
	Timeout duration `yaml:"timeout"`
}

type rawEscalation struct {
	spot
	After duration   `yaml:"after"`
	To    list[text] `yaml:"to"`
}

type rawWebhook struct {
	spot
	Name     text     `yaml:"name"`
	URL      text     `yaml:"url"`
	Secret   secret   `yaml:"secret"`
	CAFile   text     `yaml:"ca_file"`
	Severity text     `yaml:"severity"`
	Timeout  duration `yaml:"timeout"`
}

type rawAlertCommand struct {
	spot
	Name     text       `yaml:"name"`
	Command  list[text] `yaml:"command"`
	Severity text       `yaml:"severity"`
	Timeout  duration   `yaml:"timeout"`
}

type rawSNMP struct {
	spot
	Name            text     `yaml:"name"`
	Address         text     `yaml:"address"`
	Version         text     `yaml:"version"`
	Community       secret   `yaml:"community"`
	Username        text     `yaml:"username"`
	Auth            text     `yaml:"auth"`
	AuthPassword    secret   `yaml:"auth_password"`
	Privacy         text     `yaml:"privacy"`
	PrivacyPassword secret   `yaml:"privacy_password"`
	Confirmed       truth    `yaml:"confirmed"`
	Severity        text     `yaml:"severity"`
	Timeout         duration `yaml:"timeout"`
}

type rawSyslog struct {
	spot
	Name       text     `yaml:"name"`
	Address    text     `yaml:"address"`
	Transport  text     `yaml:"transport"`
	ServerName text     `yaml:"server_name"`
	CAFile     text     `yaml:"ca_file"`
	Facility   text     `yaml:"facility"`
	Severity   text     `yaml:"severity"`
	Timeout    duration `yaml:"timeout"`
}

type rawEmail struct {
	spot
	Host       text       `yaml:"host"`
	Port       number     `yaml:"port"`
	TLS        text       `yaml:"tls"`
	ServerName text       `yaml:"server_name"`
	CAFile     text       `yaml:"ca_file"`
	Username   text       `yaml:"username"`
	Password   secret     `yaml:"password"`
	From       text       `yaml:"from"`
	To         list[text] `yaml:"to"`
	Severity   text       `yaml:"severity"`
}

type rawAPI struct {
	spot
	Socket      text `yaml:"socket"`
	SocketGroup text `yaml:"socket_group"`
	Listen      text `yaml:"listen"`
	CertFile    text `yaml:"cert_file"`
	KeyFile     text `yaml:"key_file"`
	PublicURL   text `yaml:"public_url"`
}

type rawServer struct {
	spot
	Name              text              `yaml:"name"`
	Address           text              `yaml:"address"`
	Addresses         list[text]        `yaml:"addresses"`
	ManagementAddress text              `yaml:"management_address"`
	Agent             rawAgent          `yaml:"agent"`
	Priority          number            `yaml:"priority"`
	Ping              rawPing           `yaml:"ping"`
	Probes            list[rawProbe]    `yaml:"probes"`
	Takeover          rawTakeover       `yaml:"takeover"`
	Databases         list[rawDatabase] `yaml:"databases"`
	Files             list[rawFileTree] `yaml:"files"`
	Drill             rawDrill          `yaml:"drill"`
}

type rawAgent struct {
	spot
	Address text `yaml:"address"`
}

type rawPing struct {
	spot
	Interval        duration `yaml:"interval"`
	Timeout         duration `yaml:"timeout"`
	WarnAfter       number   `yaml:"warn_after"`
	FailAfter       number   `yaml:"fail_after"`
	FailAfterReboot number   `yaml:"fail_after_reboot"`
}

type rawProbe struct {
	spot
	Name      text       `yaml:"name"`
	Kind      text       `yaml:"kind"`
	Failure   text       `yaml:"failure"`
	Interval  duration   `yaml:"interval"`
	Timeout   duration   `yaml:"timeout"`
	FailAfter number     `yaml:"fail_after"`
	TCP       text       `yaml:"tcp" either:"question"`
	HTTP      rawHTTP    `yaml:"http" either:"question"`
	Command   list[text] `yaml:"command" either:"question"`
	SQL       rawSQL     `yaml:"sql" either:"question"`
}

type rawHTTP struct {
	spot
	URL    text   `yaml:"url"`
	Status number `yaml:"status"`
	Body   text   `yaml:"body"`
}

type rawSQL struct {
	spot
	Database text `yaml:"database"`
	Query    text `yaml:"query"`
}

type rawTakeover struct {
	spot
	Mode             text       `yaml:"mode"`
	AssumeAddress    truth      `yaml:"assume_address"`
	ServiceAddresses list[text] `yaml:"service_addresses"`
	Interface        text       `yaml:"interface"`
	OnConflict       text       `yaml:"on_conflict"`
	OnClaim          text       `yaml:"on_claim"`
	OnFailure        text       `yaml:"on_failure"`
	Address          text       `yaml:"address"`
	Fence            rawFence   `yaml:"fence"`
	Start            rawStart   `yaml:"start"`
	Ready            rawReady   `yaml:"ready"`
	MaxAge           duration   `yaml:"max_age"`
	AutoRelease      truth      `yaml:"auto_release"`
	ReleaseAfter     duration   `yaml:"release_after"`
	Verify           list[text] `yaml:"verify"`
}

type rawFence struct {
	spot
	Command   list[text] `yaml:"command"`
	Timeout   duration   `yaml:"timeout"`
	OnFailure text       `yaml:"on_failure"`
}

type rawStart struct {
	spot
	Units   list[text] `yaml:"units" either:"start"`
	Command list[text] `yaml:"command" either:"start"`
	Stop    list[text] `yaml:"stop"`
	Check   list[text] `yaml:"check"`
	Timeout duration   `yaml:"timeout"`
}

type rawReady struct {
	spot
	TCP     text       `yaml:"tcp" either:"question"`
	HTTP    rawHTTP    `yaml:"http" either:"question"`
	Command list[text] `yaml:"command" either:"question"`
	Timeout duration   `yaml:"timeout"`
}

type rawDrill struct {
	spot
	Weekly  text       `yaml:"weekly" either:"when"`
	Monthly text       `yaml:"monthly" either:"when"`
	Check   list[text] `yaml:"check"`
	Timeout duration   `yaml:"timeout"`
	MaxAge  duration   `yaml:"max_age"`
}

type rawDatabase struct {
	spot
	Name           text          `yaml:"name"`
	Engine         text          `yaml:"engine"`
	Primary        rawPrimary    `yaml:"primary"`
	Standby        rawDataSource `yaml:"standby"`
	ReplicateDaily text          `yaml:"replicate_daily"`
	CatchUp        truth         `yaml:"catch_up"`
	Realtime       text          `yaml:"realtime"`
	Fixups         list[text]    `yaml:"fixups"`
}

// rawPrimary is a primary's data source, of which the agent may have a part.
type rawPrimary struct {
	spot
	DSN      text          `yaml:"dsn" either:"way"`
	Agent    text          `yaml:"agent" either:"way"`
	Password secret        `yaml:"password"`
	Backups  rawFarBackups `yaml:"backups"`
}

type rawDataSource struct {
	spot
	DSN      text       `yaml:"dsn"`
	Password secret     `yaml:"password"`
	Backups  rawBackups `yaml:"backups"`
}

type rawFarBackups struct {
	spot
	Server text `yaml:"server"`
	Path   text `yaml:"path" either:"way"`
	Agent  text `yaml:"agent" either:"way"`
}

type rawBackups struct {
	spot
	Server text `yaml:"server"`
	Path   text `yaml:"path"`
}

type rawFileTree struct {
	spot
	Name         text               `yaml:"name"`
	Source       rawFileSource      `yaml:"source"`
	Directory    text               `yaml:"directory"`
	Include      list[rawInclusion] `yaml:"include"`
	Exclude      list[rawInclusion] `yaml:"exclude"`
	IgnoreCase   truth              `yaml:"ignore_case"`
	ScanInterval duration           `yaml:"scan_interval"`
	MaxLag       duration           `yaml:"max_lag"`
	Retention    duration           `yaml:"retention"`
	Reserve      text               `yaml:"reserve"`
	Brake        rawBrake           `yaml:"brake"`
	Bandwidth    list[rawWindow]    `yaml:"bandwidth"`
}

type rawBrake struct {
	spot
	Share text   `yaml:"share"`
	Least number `yaml:"least"`
}

type rawWindow struct {
	spot
	From  text `yaml:"from"`
	To    text `yaml:"to"`
	Limit text `yaml:"limit"`
}

type rawFileSource struct {
	spot
	Agent text `yaml:"agent" either:"source"`
	Path  text `yaml:"path" either:"source"`
}

type rawInclusion struct {
	spot
	Dir       text       `yaml:"dir"`
	Patterns  list[text] `yaml:"patterns"`
	Recursive truth      `yaml:"recursive"`
}

type rawSecretSource struct {
	spot
	File       text `yaml:"file"`
	Env        text `yaml:"env"`
	Credential text `yaml:"credential"`
}

// keysOf calls f with the path of every key that may be written below t, in the
// order of the fields, parents first. Keys of a list's elements follow "[]".
func keysOf(t reflect.Type, path string, f func(path string)) {
	for i := range t.NumField() {
		field := t.Field(i)
		key := field.Tag.Get("yaml")
		if key == "" {
			continue
		}
		p := join(path, key)
		f(p)
		below, isList := schema(field.Type)
		if isList {
			p += "[]"
		}
		if below != nil {
			keysOf(below, p, f)
		}
	}
}

// schema gives the structure that a field's value may have, nil for a plain
// value, and whether the value is a list of them.
func schema(t reflect.Type) (below reflect.Type, isList bool) {
	switch v := reflect.New(t).Interface().(type) {
	case interface{ element() reflect.Type }:
		below, _ = schema(v.element())
		return below, true
	case *secret:
		return reflect.TypeFor[rawSecretSource](), false
	case leaf:
		return nil, false
	}
	return t, false
}
