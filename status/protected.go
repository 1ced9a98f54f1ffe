package status

// Unprotected says why a failure of this server could not be covered now, and
// is empty if it could, or if the standby does its work already.
func (v Server) Unprotected() string {
	switch {
	case v.Role != "standing by":
		return ""
	case v.Mode != "active":
		return v.Mode
	case v.State == "Failure":
		if v.Hold != nil {
			return v.Hold.Reason
		}
		return "it has failed, and nobody serves"
	}
	for _, c := range v.Readiness.Checks {
		if c.Result == "critical" || c.Name == "capacity" && c.Result != "ok" {
			return c.Name + ": " + c.Value
		}
	}
	return ""
}
