package address

import "errors"

var (
	// ErrForeign says that this host has the address already and that it is not
	// ours: somebody configured it, and it is never touched. The caller has to
	// tell the operator.
	ErrForeign = errors.New("this host has the address already, and not from failoverd")

	// ErrDuplicate says that another host on the segment has the IPv6 address:
	// duplicate address detection failed, and the address was removed again.
	ErrDuplicate = errors.New("another host has the address")

	// ErrNoLink says that there is no such interface at this moment.
	ErrNoLink = errors.New("no such interface")
)
