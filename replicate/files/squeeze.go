package files

import "github.com/klauspost/compress/zstd"

// squeezer decides what is worth compressing, by what came of it the last times: recordings and archives do not
// compress, and to try each block of them costs more than it can bring.
type squeezer struct {
	buffer []byte
	skip   int // how many more pieces go without a try
	vain   int // how many tries in a row brought too little
}

const (
	squeezeLeast = 512 // shorter content is not worth it
	squeezeSkip  = 64  // the longest run of pieces without a try
)

// squeeze returns data compressed, if it shrinks by an eighth at least. What it returns is valid until the next call.
func (s *squeezer) squeeze(enc *zstd.Encoder, data []byte) ([]byte, bool) {
	if len(data) < squeezeLeast {
		return nil, false
	}
	if s.skip > 0 {
		s.skip--
		return nil, false
	}
	s.buffer = enc.EncodeAll(data, s.buffer[:0])
	if len(s.buffer) > len(data)-len(data)/8 {
		s.vain++
		s.skip = min(1<<min(s.vain, 6), squeezeSkip)
		return nil, false
	}
	s.vain = 0
	return s.buffer, true
}
