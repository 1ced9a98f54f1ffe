package files

import (
	"os/user"
	"strconv"
)

// names translates between the names and the numbers of users, or of groups, and remembers both. Where the host knows
// no name, the number in decimal stands for itself. It belongs to one goroutine.
type names struct {
	byNumber map[uint32]string
	byName   map[string]uint32
	lookName func(number string) (string, error)
	lookID   func(name string) (string, error)
}

// owners are the users and groups of this host.
type owners struct{ users, groups *names }

// hostOwners knows nobody yet.
func hostOwners() owners { return owners{users: userNames(), groups: groupNames()} }

// userNames knows the users of this host.
func userNames() *names {
	return &names{
		byNumber: map[uint32]string{}, byName: map[string]uint32{},
		lookName: func(number string) (string, error) {
			u, err := user.LookupId(number)
			if err != nil {
				return "", err
			}
			return u.Username, nil
		},
		lookID: func(name string) (string, error) {
			u, err := user.Lookup(name)
			if err != nil {
				return "", err
			}
			return u.Uid, nil
		},
	}
}

// groupNames knows the groups of this host.
func groupNames() *names {
	return &names{
		byNumber: map[uint32]string{}, byName: map[string]uint32{},
		lookName: func(number string) (string, error) {
			g, err := user.LookupGroupId(number)
			if err != nil {
				return "", err
			}
			return g.Name, nil
		},
		lookID: func(name string) (string, error) {
			g, err := user.LookupGroup(name)
			if err != nil {
				return "", err
			}
			return g.Gid, nil
		},
	}
}

// name is the name of a number.
func (n *names) name(number uint32) string {
	if known, ok := n.byNumber[number]; ok {
		return known
	}
	decimal := strconv.FormatUint(uint64(number), 10)
	found, err := n.lookName(decimal)
	if err != nil || found == "" || len(found) > maxOwner {
		found = decimal
	}
	n.byNumber[number] = found
	return found
}

// number is the number of a name; known is false if this host has no such name and it is no number either.
func (n *names) number(name string) (number uint32, known bool) {
	if id, ok := n.byName[name]; ok {
		return id, true
	}
	decimal, err := n.lookID(name)
	if err != nil {
		decimal = name
	}
	id, err := strconv.ParseUint(decimal, 10, 32)
	if err != nil {
		return 0, false
	}
	// What a peer names is bounded, so that it cannot fill the memory with names that it makes up.
	if len(n.byName) < 10000 {
		n.byName[name] = uint32(id)
	}
	return uint32(id), true
}
