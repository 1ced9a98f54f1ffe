package files

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// What a file has beside its content, mode and owner: extended attributes (xattr(7)) and POSIX access control lists
// (acl(5)), which Linux keeps in two of them.
//
// Of the name spaces, "user" is copied whole; of "system" the two lists; of "security" the capabilities of programs. Not
// copied are labels (security.selinux and others), which are the policy of a host, and "trusted".
const (
	accessList   = "system.posix_acl_access"
	defaultList  = "system.posix_acl_default"
	capabilities = "security.capability"
	userSpace    = "user."
	// maxAttributes bounds the encoded attributes of one entry. Linux allows 64 KiB a value; ext4 has room for 4 KiB in all.
	maxAttributes = 64 << 10
	maxAttribute  = 255 // XATTR_NAME_MAX of Linux
)

// isCopied says whether an extended attribute is one that is copied.
func isCopied(name string) bool {
	return strings.HasPrefix(name, userSpace) && len(name) > len(userSpace) ||
		name == accessList || name == defaultList || name == capabilities
}

// attribute is one extended attribute.
type attribute struct{ name, value string }

// encodeAttributes is a list, in the order of the names, as an entry has it. An empty list is the empty string.
func encodeAttributes(list []attribute) string {
	var e encoder
	for _, a := range list {
		e.string(a.name)
		e.string(a.value)
	}
	return string(e.b)
}

// decodeAttributes takes a list from an entry, and says what is wrong with one that encodeAttributes has not made.
func decodeAttributes(s string) ([]attribute, error) {
	var list []attribute
	last := ""
	for d := (decoder{b: []byte(s)}); len(d.b) > 0; {
		a := attribute{name: d.string(maxAttribute), value: d.string(maxAttributes)}
		switch {
		case d.err != nil:
			return nil, d.err
		case !isCopied(a.name) || strings.IndexByte(a.name, 0) >= 0:
			return nil, fmt.Errorf("the extended attribute %q is not one that is copied", a.name)
		case a.name <= last:
			return nil, fmt.Errorf("the extended attribute %q comes after %q", a.name, last)
		}
		if isList(a.name) {
			if _, err := decodeList(a.value); err != nil {
				return nil, fmt.Errorf("%s: %w", a.name, err)
			}
		}
		last = a.name
		list = append(list, a)
	}
	return list, nil
}

// isList says whether an extended attribute is an access control list.
func isList(name string) bool { return name == accessList || name == defaultList }

// grant is one entry of an access control list.
type grant struct {
	tag, rights uint16
	number      uint32 // of the user or group; in an entry of the tree it is the name that counts
	name        string
}

// Tags of grants, and how lists lie in their attribute: linux/posix_acl_xattr.h.
const (
	grantUser   = 0x02
	grantGroup  = 0x08
	grantTags   = 0x01 | grantUser | 0x04 | grantGroup | 0x10 | 0x20
	grantNobody = 0xffffffff // where there is no number
	listVersion = 2
	grantSize   = 8
	// maxGrants is more than fits into an attribute.
	maxGrants = maxAttributes / grantSize
)

// named says whether a grant is for a user or a group that it names.
func (g *grant) named() bool { return g.tag == grantUser || g.tag == grantGroup }

// readList takes a list from the value of its attribute.
func readList(value string) ([]grant, error) {
	b := []byte(value)
	if len(b) < 4 || (len(b)-4)%grantSize != 0 || binary.LittleEndian.Uint32(b) != listVersion {
		return nil, errors.New("an access control list of an unknown form")
	}
	var list []grant
	for b = b[4:]; len(b) > 0; b = b[grantSize:] {
		list = append(list, grant{
			tag: binary.LittleEndian.Uint16(b), rights: binary.LittleEndian.Uint16(b[2:]), number: binary.LittleEndian.Uint32(b[4:]),
		})
	}
	return list, nil
}

// writeList is a list as the value of its attribute.
func writeList(list []grant) string {
	b := binary.LittleEndian.AppendUint32(nil, listVersion)
	for _, g := range list {
		number := uint32(grantNobody)
		if g.named() {
			number = g.number
		}
		b = binary.LittleEndian.AppendUint16(b, g.tag)
		b = binary.LittleEndian.AppendUint16(b, g.rights)
		b = binary.LittleEndian.AppendUint32(b, number)
	}
	return string(b)
}

// encodeList is a list as an entry has it: with names, since the numbers of another host are its own.
func encodeList(list []grant) string {
	var e encoder
	for _, g := range list {
		e.uint(uint64(g.tag))
		e.uint(uint64(g.rights))
		if g.named() {
			e.string(g.name)
		}
	}
	return string(e.b)
}

// decodeList takes a list from an entry.
func decodeList(s string) ([]grant, error) {
	var list []grant
	for d := (decoder{b: []byte(s)}); len(d.b) > 0; {
		tag, rights := d.uint(), d.uint()
		if d.err == nil && (tag&^grantTags != 0 || tag&(tag-1) != 0 || tag == 0 || rights > 7 || len(list) == maxGrants) {
			d.fail("tag %#x with rights %#o is none of an access control list", tag, rights)
		}
		g := grant{tag: uint16(tag), rights: uint16(rights)}
		if g.named() {
			g.name = d.string(maxOwner)
		}
		if d.err != nil {
			return nil, d.err
		}
		list = append(list, g)
	}
	return list, nil
}

// named gives the list of an attribute the names that this host knows, as an entry has it.
func (o *owners) named(value string) (string, error) {
	list, err := readList(value)
	if err != nil {
		return "", err
	}
	for i := range list {
		switch g := &list[i]; g.tag {
		case grantUser:
			g.name = o.users.name(g.number)
		case grantGroup:
			g.name = o.groups.name(g.number)
		}
	}
	return encodeList(list), nil
}

// numbered gives the list of an entry the numbers of this host, as its attribute has it. It leaves out whom this host does not
// know: nobody gets a right that is another's. The first of them is unknown.
func (o *owners) numbered(s string) (value, unknown string, err error) {
	list, err := decodeList(s)
	if err != nil {
		return "", "", err
	}
	kept := list[:0]
	for _, g := range list {
		known := true
		switch g.tag {
		case grantUser:
			g.number, known = o.users.number(g.name)
		case grantGroup:
			g.number, known = o.groups.number(g.name)
		}
		if known {
			kept = append(kept, g)
		} else if unknown == "" {
			unknown = g.name
		}
	}
	return writeList(kept), unknown, nil
}

// announced is what an entry says of the extended attributes that were read. The problem is what is left out, and why.
func (o *owners) announced(list []attribute) (encoded, problem string) {
	if len(list) == 0 {
		return "", ""
	}
	var kept []attribute
	for _, a := range list {
		if isList(a.name) {
			named, err := o.named(a.value)
			if err != nil {
				problem = fmt.Sprintf("%s is not copied: %v", a.name, err)
				continue
			}
			a.value = named
		}
		kept = append(kept, a)
	}
	encoded = encodeAttributes(kept)
	if len(encoded) > maxAttributes {
		return "", fmt.Sprintf("its extended attributes have more than %d bytes and are not copied", maxAttributes)
	}
	return encoded, problem
}
