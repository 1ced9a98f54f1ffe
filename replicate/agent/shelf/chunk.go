package shelf

import (
	"crypto/sha256"
	"encoding/binary"
)

// A chunk ends where a sum over the bytes before has a run of zeros, so that the same content is cut in the same way
// wherever it lies (a gear hash, as FastCDC has it).
const (
	leastBits = 15 // the mean chunk is 32 KiB,
	mostBits  = 18 // and 256 KiB in files of 128 GiB and more
	// largeFile is up to where the mean stays the least: 2^19 chunks, whose places the standby keeps in memory.
	largeFile = 16 << 30
	reach     = 64 // so many bytes before a cut decide about it
	maxChunk  = 4 << mostBits
)

// gear is a number for each byte: any will do that look like chance, and are the same on both sides and for ever.
var gear = gearNumbers()

func gearNumbers() (table [256]uint64) {
	for i := range table {
		sum := sha256.Sum256([]byte{byte(i)})
		table[i] = binary.BigEndian.Uint64(sum[:])
	}
	return table
}

// bitsFor is how rare cuts are in a file of a size.
func bitsFor(size int64) uint {
	bits := uint(leastBits)
	for limit := int64(largeFile); size > limit && bits < mostBits; limit *= 2 {
		bits++
	}
	return bits
}

// cutAt is the length of the chunk that b begins with. b holds the largest chunk, or all that is left.
func cutAt(b []byte, bits uint) int {
	least, most := 1<<(bits-2), min(len(b), 4<<bits)
	if most <= least {
		return most
	}
	var sum uint64
	for i := least - reach; i < most; i++ {
		if sum = sum<<1 + gear[b[i]]; i >= least && sum>>(64-bits) == 0 {
			return i + 1
		}
	}
	return most
}
