package agent

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// maxFrame bounds a request and an answer.
const maxFrame = 64 << 10

// writeFrame writes one document with its length before it.
func writeFrame(w io.Writer, document any) error {
	data, err := json.Marshal(document)
	if err != nil {
		return err
	}
	if len(data) > maxFrame {
		return fmt.Errorf("%d bytes are more than the %d of a message", len(data), maxFrame)
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...))
	return err
}

// readFrame reads what writeFrame writes, and not a byte more: what follows is the service's.
func readFrame(r io.Reader, document any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxFrame {
		return fmt.Errorf("a message of %d bytes; at most %d are taken", n, maxFrame)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return err
	}
	if err := json.Unmarshal(data, document); err != nil {
		return fmt.Errorf("a message that is not understood: %w", err)
	}
	return nil
}
