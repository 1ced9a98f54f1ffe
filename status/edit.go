package status

// ServerFile is the file of one server's configuration.
type ServerFile struct {
	Server string `json:"server"`
	File   string `json:"file" doc:"Its path on the standby"`
	Text   string `json:"text" doc:"What it holds, YAML with its comments"`
	ETag   string `json:"etag" doc:"Of the text; give it as If-Match"`
}

// Edited is what came of changing the file of one server, or what would come of it.
type Edited struct {
	Reloaded
	Server string `json:"server"`
	File   string `json:"file" doc:"Its path on the standby"`
	ETag   string `json:"etag" doc:"Of the text as it is then; empty if the server was removed"`
	Means  string `json:"means" doc:"In plain words what the configuration of the server means; empty if it was removed"`
	DryRun bool   `json:"dry_run" doc:"True: nothing was changed, it was only checked"`
}
